//! How payloads travel: what a client asks for in its query, and the frames it gets.
//!
//! Used by each gateway connection.

use flate2::{Compress, Compression, FlushCompress};
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};

use crate::websocket;

/// From this length on a payload is compressed for a client that asked for it in `IDENTIFY`.
/// Discord compresses "some" payloads and does not say which.
const LARGE: usize = 8 * 1024;
/// The header of a zlib stream: deflate with a window of 32 KiB, ordinary compression.
const ZLIB_HEADER: [u8; 2] = [0x78, 0x9c];

/// What a client asked for when it connected.
pub(super) struct Query {
    pub(super) transport: Transport,
    /// Whether it asked for the one version that is spoken here.
    pub(super) known_version: bool,
}

/// Reads a client's query. One that asks for a format that is not spoken here must be told,
/// since it could not read the close code.
pub(super) fn read_query(query: &str) -> Result<Query, &'static str> {
    let field = |name| websocket::query_field(query, name);
    if field("encoding").is_some_and(|encoding| encoding != "json") {
        return Err("only encoding=json is spoken here");
    }
    let transport = match field("compress").as_deref() {
        None | Some("") => Transport::Plain { large: false },
        Some("zlib-stream") => Transport::ZlibStream { begun: false },
        Some(_) => return Err("only compress=zlib-stream is spoken here"),
    };
    Ok(Query {
        transport,
        known_version: field("v").is_none_or(|version| version == "10"),
    })
}

/// How one connection's payloads are framed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Transport {
    /// As text, save that large payloads may be compressed each on its own.
    Plain {
        /// Whether large payloads are compressed.
        large: bool,
    },
    /// As one zlib stream over the whole connection, flushed after each payload.
    ZlibStream {
        /// Whether the stream's header has been sent.
        begun: bool,
    },
}

impl Transport {
    /// The client asks for large payloads to be compressed; one with transport compression
    /// has no use for that.
    pub(super) fn compress_large(&mut self) {
        if let Transport::Plain { large } = self {
            *large = true;
        }
    }

    /// Frames the next payload of the connection.
    pub(super) fn frame(&mut self, text: Utf8Bytes) -> Message {
        match self {
            Transport::Plain { large } if *large && text.len() >= LARGE => {
                let mut compress = Compress::new(Compression::fast(), true);
                Message::Binary(deflate(
                    &mut compress,
                    text.as_bytes(),
                    Vec::new(),
                    FlushCompress::Finish,
                ))
            }
            Transport::Plain { .. } => Message::Text(text),
            // The blocks of one payload refer to nothing before them. So the client reads one
            // stream, while nothing is kept here between payloads: a compressor's window and
            // tables, a quarter of a megabyte, would be most of what an idle connection costs.
            Transport::ZlibStream { begun } => {
                let header = if *begun {
                    Vec::new()
                } else {
                    ZLIB_HEADER.to_vec()
                };
                *begun = true;
                let mut compress = Compress::new(Compression::fast(), false);
                Message::Binary(deflate(
                    &mut compress,
                    text.as_bytes(),
                    header,
                    FlushCompress::Sync,
                ))
            }
        }
    }
}

/// Compresses all of `input` behind what is in `output`.
fn deflate(
    compress: &mut Compress,
    input: &[u8],
    mut output: Vec<u8>,
    flush: FlushCompress,
) -> Bytes {
    loop {
        let read = usize::try_from(compress.total_in()).unwrap_or(input.len());
        let rest = input.get(read..).unwrap_or_default();
        output.reserve(rest.len() / 4 + 64);
        // Growing memory is the only thing that can fail here, and that does not return.
        let compressed = compress.compress_vec(rest, &mut output, flush);
        // Room left over means that everything is out.
        if compressed.is_err() || output.len() < output.capacity() {
            return output.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::ZlibDecoder;
    use flate2::{Decompress, FlushDecompress};

    use super::*;

    fn bytes(message: Message) -> Vec<u8> {
        match message {
            Message::Binary(bytes) => bytes.to_vec(),
            other => panic!("not binary: {other:?}"),
        }
    }

    /// Text that hardly compresses, so that the output outgrows its first reservation.
    fn text(length: usize) -> String {
        crate::world::random_text(length)
    }

    #[test]
    fn a_zlib_stream_is_one_stream_and_flushed_after_each_payload() {
        let mut transport = read_query("v=10&compress=zlib-stream").unwrap().transport;
        let mut stream = Decompress::new(true);
        for length in [0, 1, 63, 64, 5_000, 300_000, 2] {
            let payload = text(length);
            let frame = bytes(transport.frame(payload.clone().into()));
            assert!(frame.ends_with(&[0, 0, 0xff, 0xff]), "{length}");
            let mut out = Vec::with_capacity(length + 1);
            stream
                .decompress_vec(&frame, &mut out, FlushDecompress::Sync)
                .unwrap();
            assert_eq!(out, payload.as_bytes());
        }
    }

    #[test]
    fn large_payloads_are_compressed_alone_for_those_who_ask() {
        let mut transport = read_query("").unwrap().transport;
        let large = text(100_000);
        assert!(matches!(
            transport.frame(large.clone().into()),
            Message::Text(_)
        ));
        transport.compress_large();
        for _ in 0..2 {
            let frame = bytes(transport.frame(large.clone().into()));
            let mut out = String::new();
            ZlibDecoder::new(frame.as_slice())
                .read_to_string(&mut out)
                .unwrap();
            assert_eq!(out, large);
        }
        assert!(matches!(
            transport.frame(text(100).into()),
            Message::Text(_)
        ));
    }
}
