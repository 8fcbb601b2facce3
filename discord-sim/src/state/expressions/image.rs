//! Which kind of image some bytes are, by how they begin.

/// The kinds that Discord takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Image {
    Avif,
    Gif,
    Jpeg,
    Png,
    Webp,
}

impl Image {
    /// The kind of these bytes; `None` if they are none of them.
    pub(crate) fn of(bytes: &[u8]) -> Option<Image> {
        let is = |at: usize, magic: &[u8]| bytes.get(at..).is_some_and(|it| it.starts_with(magic));
        let kinds = [
            (is(4, b"ftypavif"), Image::Avif),
            (is(0, b"GIF8"), Image::Gif),
            (is(0, b"\xff\xd8\xff"), Image::Jpeg),
            (is(0, b"\x89PNG\r\n\x1a\n"), Image::Png),
            (is(0, b"RIFF") && is(8, b"WEBP"), Image::Webp),
        ];
        let mut kinds = kinds.into_iter();
        kinds.find_map(|(is_it, kind)| is_it.then_some(kind))
    }

    /// Its media type.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Image::Avif => "image/avif",
            Image::Gif => "image/gif",
            Image::Jpeg => "image/jpeg",
            Image::Png => "image/png",
            Image::Webp => "image/webp",
        }
    }
}
