//! What the voice gateway knows of MLS: its own proposals, and the outside of what clients send.
//!
//! MLS is RFC 9420; the parameters are those of DAVE's protocol version 1
//! (<https://daveprotocol.com/#mls-parameters>).

use std::panic::{AssertUnwindSafe, catch_unwind};

use openmls::prelude::tls_codec::{DeserializeBytes as _, Serialize as _};
use openmls::prelude::{
    BasicCredential, Ciphersuite, ExternalProposal, ExternalSender, GroupEpoch, GroupId,
    KeyPackage, KeyPackageIn, LeafNodeIndex, Lifetime, MlsMessageOut, OpenMlsProvider,
    ProtocolVersion, SenderExtensionIndex,
};
use openmls_basic_credential::SignatureKeyPair;
use openmls_rust_crypto::OpenMlsRustCrypto;
use sha2::{Digest as _, Sha256};

use super::bytes::{self, Reader};

/// The ciphersuite of protocol version 1.
pub(super) const CIPHERSUITE: Ciphersuite = Ciphersuite::MLS_128_DHKEMP256_AES128GCM_SHA256_P256;
/// `MLSMessage.version`: MLS 1.0.
const MLS_1: u16 = 1;
/// `MLSMessage.wire_format` of a public message and of a key package.
const PUBLIC_MESSAGE: u16 = 1;
const KEY_PACKAGE: u16 = 5;
/// `Sender.sender_type` of a member.
const MEMBER: u8 = 1;
/// `FramedContent.content_type` of a commit.
const COMMIT: u8 = 3;
/// `ProposalOrRef.type` of a reference.
const REFERENCE: u8 = 2;
/// `LeafNode.leaf_node_source` in a key package, and in the path of a commit.
const LEAF_OF_KEY_PACKAGE: u8 = 1;
const LEAF_OF_COMMIT: u8 = 3;
/// The external sender's place in the group's list of one.
const SENDER_INDEX: u32 = 0;

/// MLS refused something that the voice gateway itself has made: a fault in this program.
#[derive(Debug, thiserror::Error)]
#[error("MLS refused the voice gateway's {0}")]
pub(crate) struct OwnFault(pub(super) &'static str);

/// The voice gateway as a sender of proposals: its key, and how members know it.
pub(crate) struct Gateway {
    key: SignatureKeyPair,
    sender: ExternalSender,
}

impl Gateway {
    pub(crate) fn new() -> Result<Gateway, OwnFault> {
        let key = SignatureKeyPair::new(CIPHERSUITE.signature_algorithm());
        let key = key.map_err(|_| OwnFault("signature key"))?;
        let credential = BasicCredential::new(b"discord-sim voice gateway".to_vec());
        let sender = ExternalSender::new(key.public().into(), credential.into());
        Ok(Gateway { key, sender })
    }

    pub(super) fn sender(&self) -> &ExternalSender {
        &self.sender
    }

    /// The body of opcode 25.
    pub(super) fn package(&self) -> Result<Vec<u8>, OwnFault> {
        self.sender
            .tls_serialize_detached()
            .map_err(|_| OwnFault("external sender"))
    }

    /// Proposes to add the owner of a key package.
    pub(super) fn add(
        &self,
        joiner: &Joiner,
        channel: u64,
        epoch: u64,
    ) -> Result<Proposal, OwnFault> {
        let message = ExternalProposal::new_add::<OpenMlsRustCrypto>(
            joiner.package.clone(),
            group_id(channel),
            GroupEpoch::from(epoch),
            &self.key,
            SenderExtensionIndex::new(SENDER_INDEX),
        );
        let message = message.map_err(|_| OwnFault("add proposal"))?;
        Proposal::new(Change::Add(joiner.user), Some(joiner), &message)
    }

    /// Proposes to remove the member at a leaf.
    pub(super) fn remove(&self, leaf: u32, channel: u64, epoch: u64) -> Result<Proposal, OwnFault> {
        let message = ExternalProposal::new_remove::<OpenMlsRustCrypto>(
            LeafNodeIndex::new(leaf),
            group_id(channel),
            GroupEpoch::from(epoch),
            &self.key,
            SenderExtensionIndex::new(SENDER_INDEX),
        );
        let message = message.map_err(|_| OwnFault("remove proposal"))?;
        Proposal::new(Change::Remove(leaf), None, &message)
    }
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gateway")
    }
}

/// What a proposal would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    /// Remove the member at this leaf.
    Remove(u32),
    /// Add this user.
    Add(u64),
}

/// A proposal that the voice gateway has sent or will send.
#[derive(Clone, Debug)]
pub(super) struct Proposal {
    pub(super) change: Change,
    /// The `MLSMessage` of opcode 27.
    pub(super) message: Vec<u8>,
    /// The `ProposalRef` by which commits and revocations name it.
    pub(super) reference: Vec<u8>,
    /// Of an addition, by which key package.
    package: Option<Vec<u8>>,
}

impl Proposal {
    fn new(
        change: Change,
        joiner: Option<&Joiner>,
        message: &MlsMessageOut,
    ) -> Result<Proposal, OwnFault> {
        let message = message.to_bytes().map_err(|_| OwnFault("proposal"))?;
        // The proposal as authenticated content is the message without its version.
        let content = message.get(2..).unwrap_or_default();
        let reference = hash_reference("MLS 1.0 Proposal Reference", content)?;
        Ok(Proposal {
            change,
            message,
            reference,
            package: joiner.map(|joiner| joiner.reference.clone()),
        })
    }

    /// Whether it proposes this change, and with this key package if it is an addition.
    pub(super) fn is(&self, change: Change, joiner: Option<&Joiner>) -> bool {
        self.change == change && self.package.as_ref() == joiner.map(|joiner| &joiner.reference)
    }
}

/// `RefHash` of RFC 9420, section 5.2.
fn hash_reference(label: &str, value: &[u8]) -> Result<Vec<u8>, OwnFault> {
    let input = [label.as_bytes(), value].map(vector);
    let mut hash = Sha256::new();
    for part in input {
        hash.update(part?);
    }
    Ok(hash.finalize().to_vec())
}

fn vector(bytes: &[u8]) -> Result<Vec<u8>, OwnFault> {
    bytes::vector(bytes).ok_or(OwnFault("vector"))
}

/// The body of opcode 27 that appends proposals.
pub(super) fn append<'a>(
    proposals: impl IntoIterator<Item = &'a Proposal>,
) -> Result<Vec<u8>, OwnFault> {
    let messages = proposals
        .into_iter()
        .map(|proposal| proposal.message.clone());
    let messages = vector(&messages.collect::<Vec<_>>().concat())?;
    Ok([&[0][..], &messages].concat())
}

/// The body of opcode 27 that revokes proposals.
pub(super) fn revoke<'a>(
    references: impl IntoIterator<Item = &'a Vec<u8>>,
) -> Result<Vec<u8>, OwnFault> {
    let references = references.into_iter().map(|reference| vector(reference));
    let references = references.collect::<Result<Vec<_>, _>>()?;
    Ok([&[1][..], &vector(&references.concat())?].concat())
}

/// The group of a channel is named by the channel.
pub(super) fn group_id(channel: u64) -> GroupId {
    GroupId::from_slice(&channel.to_be_bytes())
}

/// Key packages may be used at any time, says the protocol.
pub(super) fn lifetime() -> Lifetime {
    Lifetime::init(0, u64::MAX)
}

/// Who can be added to a group, by the key package that was sent for it.
#[derive(Clone, Debug)]
pub(super) struct Joiner {
    pub(super) user: u64,
    package: KeyPackage,
    /// By which a welcome names its recipient.
    reference: Vec<u8>,
}

/// Why a message of a client is no good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It cannot be read.
    Unreadable,
    /// It can be read and is not allowed.
    Invalid,
}

/// Runs the MLS library on what a client has sent.
///
/// In debug builds it asserts some of what it reads, where it only returns errors otherwise;
/// what fails there is the message's fault, and must not be more than that.
pub(super) fn guarded<R>(work: impl FnOnce() -> Result<R, Refusal>) -> Result<R, Refusal> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Refusal::Unreadable))
}

impl Joiner {
    /// Reads and validates the body of opcode 26, the key package bare (as libdave and davey
    /// send it) or inside an `MLSMessage` (as the protocol says).
    pub(super) fn parse(user: u64, body: &[u8]) -> Result<Joiner, Refusal> {
        let wrapper = [MLS_1.to_be_bytes(), KEY_PACKAGE.to_be_bytes()].concat();
        let bare = body.strip_prefix(wrapper.as_slice()).unwrap_or(body);
        if !is_key_package(bare) {
            return Err(Refusal::Unreadable);
        }
        let package = guarded(|| {
            let package = KeyPackageIn::tls_deserialize_exact_bytes(bare);
            let package = package.map_err(|_| Refusal::Unreadable)?;
            let provider = OpenMlsRustCrypto::default();
            let package = package.validate(provider.crypto(), ProtocolVersion::Mls10);
            package.map_err(|_| Refusal::Invalid)
        })?;
        let forever = lifetime();
        let is_expected = package.ciphersuite() == CIPHERSUITE
            && user_of(package.leaf_node().credential()) == Some(user)
            && package.life_time().not_before() == forever.not_before()
            && package.life_time().not_after() == forever.not_after();
        if !is_expected {
            return Err(Refusal::Invalid);
        }
        Joiner::new(user, package).map_err(|_| Refusal::Invalid)
    }

    pub(super) fn new(user: u64, package: KeyPackage) -> Result<Joiner, OwnFault> {
        let bytes = package.tls_serialize_detached();
        let bytes = bytes.map_err(|_| OwnFault("key package"))?;
        let reference = hash_reference("MLS 1.0 KeyPackage Reference", &bytes)?;
        Ok(Joiner {
            user,
            package,
            reference,
        })
    }
}

/// The user that a credential names.
pub(super) fn user_of(credential: &openmls::prelude::Credential) -> Option<u64> {
    let credential = BasicCredential::try_from(credential.clone()).ok()?;
    Some(u64::from_be_bytes(credential.identity().try_into().ok()?))
}

/// What can be seen of a commit without being a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Commit {
    /// The whole `MLSMessage`.
    pub(super) message: Vec<u8>,
    pub(super) channel: u64,
    pub(super) epoch: u64,
    /// The leaf of who commits.
    pub(super) leaf: u32,
    /// The proposals it makes true, in their order.
    pub(super) references: Vec<Vec<u8>>,
}

/// Reads the body of opcode 28: a commit, and a welcome if it adds members.
pub(super) fn parse_commit(body: &[u8]) -> Result<(Commit, &[u8]), Refusal> {
    let mut reader = Reader::new(body);
    let commit = read_commit(&mut reader).ok_or(Refusal::Unreadable)?;
    let welcome = reader.rest();
    let message = body.strip_suffix(welcome).unwrap_or(body);
    let message = message.to_vec();
    Ok((Commit { message, ..commit }, welcome))
}

/// Reads the `MLSMessage` with a commit, all but its own bytes. `None` if it is no commit by a
/// member, or one with proposals of its own.
fn read_commit(reader: &mut Reader<'_>) -> Option<Commit> {
    let expect = |is_so: bool| is_so.then_some(());
    expect((reader.u16()?, reader.u16()?) == (MLS_1, PUBLIC_MESSAGE))?;
    let channel = u64::from_be_bytes(reader.vector()?.try_into().ok()?);
    let epoch = reader.u64()?;
    expect(reader.u8()? == MEMBER)?;
    let leaf = reader.u32()?;
    let _authenticated_data = reader.vector()?;
    expect(reader.u8()? == COMMIT)?;
    let references = reader.each(|proposal| {
        expect(proposal.u8()? == REFERENCE)?;
        Some(proposal.vector()?.to_vec())
    })?;
    match reader.u8()? {
        0 => {}
        1 => {
            skip_leaf(reader, LEAF_OF_COMMIT)?;
            reader.each(|node| {
                node.vector()?;
                node.each(|secret| secret.vector().and(secret.vector()))
            })?;
        }
        _ => return None,
    }
    // Signature, confirmation tag, membership tag.
    for _ in 0..3 {
        reader.vector()?;
    }
    Some(Commit {
        message: Vec::new(),
        channel,
        epoch,
        leaf,
        references,
    })
}

/// Whether these bytes have the shape of a key package, and no more.
fn is_key_package(bytes: &[u8]) -> bool {
    let mut reader = Reader::new(bytes);
    let read = |reader: &mut Reader<'_>| {
        // Version, ciphersuite, initial key; extensions and signature after the leaf.
        reader.u16().and(reader.u16())?;
        reader.vector()?;
        skip_leaf(reader, LEAF_OF_KEY_PACKAGE)?;
        skip_extensions(reader)?;
        reader.vector().map(|_signature| ())
    };
    read(&mut reader).is_some() && reader.rest().is_empty()
}

/// Reads past a leaf from this source.
fn skip_leaf(reader: &mut Reader<'_>, source: u8) -> Option<()> {
    // Encryption key, signature key, the type of credential, the identity.
    reader.vector()?;
    reader.vector()?;
    reader.u16()?;
    reader.vector()?;
    // Capabilities: versions, ciphersuites, extensions, proposals, credentials.
    for _ in 0..5 {
        reader.each(Reader::u16)?;
    }
    if reader.u8()? != source {
        return None;
    }
    if source == LEAF_OF_KEY_PACKAGE {
        // The lifetime.
        reader.u64().and(reader.u64())?;
    } else {
        // The parent's hash.
        reader.vector()?;
    }
    skip_extensions(reader)?;
    reader.vector().map(|_signature| ())
}

fn skip_extensions(reader: &mut Reader<'_>) -> Option<()> {
    let extensions = reader.each(|extension| {
        extension.u16()?;
        extension.vector()
    });
    extensions.map(|_| ())
}

/// The part of a welcome that one joiner needs; `None` if it is not welcomed.
pub(super) fn welcome_for(welcome: &[u8], joiner: &Joiner) -> Option<Vec<u8>> {
    let (ciphersuite, rest) = welcome.split_at_checked(2)?;
    let mut reader = Reader::new(rest);
    // The member, by its key package, and its secrets: an encapsulated key, a ciphertext.
    let secrets = reader.each(|entry| {
        let start = entry.rest();
        let member = entry.vector()?;
        entry.vector().and(entry.vector())?;
        Some((member, start.strip_suffix(entry.rest())?))
    })?;
    let info = reader.rest();
    let of_joiner = secrets
        .into_iter()
        .find(|(member, _)| *member == joiner.reference)?;
    Some([ciphersuite, &bytes::vector(of_joiner.1)?, info].concat())
}
