//! A person in the channel, as a member of its MLS group.
//!
//! Held by the [`Group`](super::group::Group). A listener joins, commits and follows commits as
//! any member does; the keys to what others send come out of it.

use openmls::prelude::tls_codec::{DeserializeBytes as _, Serialize as _};
use openmls::prelude::{
    BasicCredential, Capabilities, CredentialType, CredentialWithKey, Extension, Extensions,
    ExternalSender, KeyPackage, LeafNodeIndex, MlsGroup, MlsGroupCreateConfig, MlsGroupJoinConfig,
    MlsMessageBodyOut, MlsMessageIn, MlsMessageOut, OpenMlsProvider as _,
    PURE_PLAINTEXT_WIRE_FORMAT_POLICY, ProcessedMessageContent, ProtocolVersion, StagedCommit,
    StagedWelcome, Welcome,
};
use openmls_basic_credential::SignatureKeyPair;
use openmls_rust_crypto::OpenMlsRustCrypto;

use super::mls::{CIPHERSUITE, Commit, Joiner, OwnFault, Proposal, Refusal, group_id, lifetime};

/// The label and length of the secrets that senders' keys are made from.
const SENDER_KEY: &str = "Discord Secure Frames v0";
const SENDER_KEY_LENGTH: usize = 16;

/// A member of a group, or someone who could become one.
pub(super) struct Listener {
    user: u64,
    provider: OpenMlsRustCrypto,
    signer: SignatureKeyPair,
    credential: CredentialWithKey,
    group: Option<MlsGroup>,
}

/// What a listener will do when a commit is taken.
pub(super) enum Staged {
    Theirs(Box<StagedCommit>),
    Own,
    Welcome(Box<StagedWelcome>),
}

impl Listener {
    pub(super) fn new(user: u64) -> Result<Listener, OwnFault> {
        let signer = SignatureKeyPair::new(CIPHERSUITE.signature_algorithm());
        let signer = signer.map_err(|_| OwnFault("listener"))?;
        let credential = CredentialWithKey {
            credential: BasicCredential::new(user.to_be_bytes().to_vec()).into(),
            signature_key: signer.public().into(),
        };
        Ok(Listener {
            user,
            provider: OpenMlsRustCrypto::default(),
            signer,
            credential,
            group: None,
        })
    }

    /// A new key package, by which others can add the listener.
    pub(super) fn joiner(&self) -> Result<Joiner, OwnFault> {
        let package = KeyPackage::builder()
            .key_package_extensions(Extensions::empty())
            .leaf_node_capabilities(capabilities())
            .key_package_lifetime(lifetime())
            .build(
                CIPHERSUITE,
                &self.provider,
                &self.signer,
                self.credential.clone(),
            )
            .map_err(|_| OwnFault("key package"))?;
        Joiner::new(self.user, package.key_package().clone())
    }

    /// Begins a group of its own.
    pub(super) fn create(&mut self, channel: u64, sender: &ExternalSender) -> Result<(), OwnFault> {
        let failed = || OwnFault("group");
        if let Some(mut old) = self.group.take() {
            old.delete(self.provider.storage()).map_err(|_| failed())?;
        }
        let senders = Extension::ExternalSenders(vec![sender.clone()]);
        let config = MlsGroupCreateConfig::builder()
            .with_group_context_extensions(Extensions::single(senders).map_err(|_| failed())?)
            .ciphersuite(CIPHERSUITE)
            .capabilities(capabilities())
            .use_ratchet_tree_extension(true)
            .wire_format_policy(PURE_PLAINTEXT_WIRE_FORMAT_POLICY)
            .build();
        let group = MlsGroup::new_with_group_id(
            &self.provider,
            &self.signer,
            &config,
            group_id(channel),
            self.credential.clone(),
        );
        self.group = Some(group.map_err(|_| failed())?);
        Ok(())
    }

    /// Takes exactly these proposals for the next commit.
    pub(super) fn propose<'a>(
        &mut self,
        proposals: impl IntoIterator<Item = &'a Proposal>,
    ) -> Result<(), OwnFault> {
        let failed = || OwnFault("proposals");
        let group = self.group.as_mut().ok_or_else(failed)?;
        let storage = self.provider.storage();
        group.clear_pending_commit(storage).map_err(|_| failed())?;
        group
            .clear_pending_proposals(storage)
            .map_err(|_| failed())?;
        for proposal in proposals {
            let message = MlsMessageIn::tls_deserialize_exact_bytes(&proposal.message);
            let message = message.map_err(|_| failed())?.try_into_protocol_message();
            let processed = group.process_message(&self.provider, message.map_err(|_| failed())?);
            match processed.map_err(|_| failed())?.into_content() {
                ProcessedMessageContent::ProposalMessage(proposal) => group
                    .store_pending_proposal(self.provider.storage(), *proposal)
                    .map_err(|_| failed())?,
                _ => return Err(failed()),
            }
        }
        Ok(())
    }

    /// Commits what was proposed: the body of an opcode 28.
    pub(super) fn commit(&mut self) -> Result<Vec<u8>, OwnFault> {
        let failed = || OwnFault("commit");
        let group = self.group.as_mut().ok_or_else(failed)?;
        let (commit, welcome, _) = group
            .commit_to_pending_proposals(&self.provider, &self.signer)
            .map_err(|_| failed())?;
        let mut body = commit.to_bytes().map_err(|_| failed())?;
        if let Some(MlsMessageBodyOut::Welcome(welcome)) = welcome.as_ref().map(MlsMessageOut::body)
        {
            body.extend(welcome.tls_serialize_detached().map_err(|_| failed())?);
        }
        Ok(body)
    }

    /// Checks another member's commit to what was proposed.
    pub(super) fn stage(&mut self, commit: &Commit) -> Result<Staged, Refusal> {
        let group = self.group.as_mut().ok_or(Refusal::Invalid)?;
        let committer = group
            .member_at(LeafNodeIndex::new(commit.leaf))
            .ok_or(Refusal::Invalid)?;
        let message = MlsMessageIn::tls_deserialize_exact_bytes(&commit.message);
        let message = message.map_err(|_| Refusal::Unreadable)?;
        let message = message.try_into_protocol_message();
        let message = message.map_err(|_| Refusal::Invalid)?;
        let processed = group.process_message(&self.provider, message);
        let processed = processed.map_err(|_| Refusal::Invalid)?;
        let ProcessedMessageContent::StagedCommitMessage(staged) = processed.into_content() else {
            return Err(Refusal::Invalid);
        };
        // A commit brings a new encryption key, but not a new identity.
        let is_another = staged.update_path_leaf_node().is_some_and(|leaf| {
            *leaf.credential() != committer.credential
                || leaf.signature_key().as_slice() != committer.signature_key
        });
        if is_another {
            return Err(Refusal::Invalid);
        }
        Ok(Staged::Theirs(staged))
    }

    /// Checks a welcome into a group whose proposals this sender makes.
    pub(super) fn join(&self, welcome: &[u8], sender: &ExternalSender) -> Result<Staged, Refusal> {
        let welcome = Welcome::tls_deserialize_exact_bytes(welcome);
        let welcome = welcome.map_err(|_| Refusal::Unreadable)?;
        let config = MlsGroupJoinConfig::builder()
            .use_ratchet_tree_extension(true)
            .wire_format_policy(PURE_PLAINTEXT_WIRE_FORMAT_POLICY)
            .build();
        let staged = StagedWelcome::build_from_welcome(&self.provider, &config, welcome);
        let staged = staged.map_err(|_| Refusal::Invalid)?;
        let staged = staged.replace_old_group().build();
        let staged = staged.map_err(|_| Refusal::Invalid)?;
        let senders = staged.group_context().extensions().external_senders();
        if senders.is_none_or(|senders| senders.as_slice() != [sender.clone()]) {
            return Err(Refusal::Invalid);
        }
        Ok(Staged::Welcome(Box::new(staged)))
    }

    /// Goes on to the next epoch.
    pub(super) fn follow(&mut self, staged: Staged) -> Result<(), OwnFault> {
        let failed = || OwnFault("next epoch");
        match (staged, &mut self.group) {
            (Staged::Welcome(staged), _) => {
                let group = staged.into_group(&self.provider).map_err(|_| failed())?;
                self.group = Some(group);
            }
            (Staged::Theirs(staged), Some(group)) => group
                .merge_staged_commit(&self.provider, *staged)
                .map_err(|_| failed())?,
            (Staged::Own, Some(group)) => group
                .merge_pending_commit(&self.provider)
                .map_err(|_| failed())?,
            (_, None) => return Err(failed()),
        }
        Ok(())
    }

    /// The secret behind what a member sends in this epoch.
    pub(super) fn sender_secret(&self, user: u64) -> Option<Vec<u8>> {
        let context = user.to_le_bytes();
        self.group
            .as_ref()?
            .export_secret(
                self.provider.crypto(),
                SENDER_KEY,
                &context,
                SENDER_KEY_LENGTH,
            )
            .ok()
    }

    /// The members by leaf, as the listener sees them.
    #[cfg(test)]
    pub(super) fn roster(&self) -> std::collections::BTreeMap<u32, u64> {
        let members = self.group.iter().flat_map(MlsGroup::members);
        members
            .filter_map(|member| {
                let user = super::mls::user_of(&member.credential)?;
                Some((member.index.u32(), user))
            })
            .collect()
    }
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

fn capabilities() -> Capabilities {
    Capabilities::builder()
        .versions(vec![ProtocolVersion::Mls10])
        .ciphersuites(vec![CIPHERSUITE])
        .extensions(vec![])
        .proposals(vec![])
        .credentials(vec![CredentialType::Basic])
        .build()
}
