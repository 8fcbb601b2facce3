//! Clients that send what no client should.

use openmls::prelude::tls_codec::Serialize as _;
use openmls::prelude::{
    BasicCredential, Capabilities, CredentialType, CredentialWithKey, KeyPackage,
};
use openmls_basic_credential::SignatureKeyPair;
use openmls_rust_crypto::OpenMlsRustCrypto;

use super::room::Room;
use crate::audio::dave::group::{Report, Said, What};
use crate::audio::dave::mls::{CIPHERSUITE, Joiner, Refusal, lifetime};

#[test]
fn garbage_is_refused_and_disturbs_nobody() {
    let mut room = Room::new();
    for user in [1, 2, 11] {
        room.enter(user);
    }
    room.settle();
    room.enter(12);
    let effects = room.step(vec![]);
    room.deliver(effects);
    let commit = room.reports.iter().find_map(|report| match &report.said {
        Said::CommitWelcome(body) if report.user == 1 => Some(body.clone()),
        _ => None,
    });
    let commit = commit.unwrap();
    let (session, other) = (room.bots[&1].session, room.bots[&2].session);
    let epoch = room.group.epoch;
    // Cut off anywhere, changed anywhere, sent by another: never taken, never a panic.
    let mut spoilt = Vec::new();
    for length in (0..commit.len()).step_by(7) {
        spoilt.push((1, session, commit[..length].to_vec()));
        let mut changed = commit.clone();
        changed[length] ^= 0x5a;
        spoilt.push((1, session, changed));
    }
    spoilt.push((2, other, commit.clone()));
    for (user, session, body) in spoilt {
        let said = Said::CommitWelcome(body);
        room.step(vec![Report {
            user,
            session,
            said,
        }]);
    }
    // What is changed in the part of another welcome is for that one to find out.
    assert!(room.group.epoch <= epoch + 1);
    room.settle();

    let package = room
        .bots
        .get_mut(&1)
        .unwrap()
        .dave
        .create_key_package()
        .unwrap();
    let foreign = room
        .bots
        .get_mut(&2)
        .unwrap()
        .dave
        .create_key_package()
        .unwrap();
    room.closed.clear();
    let mut expected = Vec::new();
    for (body, refusal) in [
        (vec![], Refusal::Unreadable),
        (vec![0xff; 300], Refusal::Unreadable),
        (package[..package.len() - 1].to_vec(), Refusal::Unreadable),
        ([&package[..], &[0]].concat(), Refusal::Unreadable),
        (foreign, Refusal::Invalid),
    ] {
        room.report(1, session, Said::KeyPackage(body));
        room.settle();
        expected.push((1, refusal));
    }
    assert_eq!(room.closed, expected);
    for at in (0..package.len()).step_by(3) {
        let mut changed = package.clone();
        changed[at] ^= 0x21;
        let report = Report {
            user: 1,
            session,
            said: Said::KeyPackage(changed),
        };
        let effects = room.step(vec![report]);
        assert!(
            effects
                .iter()
                .any(|effect| matches!(effect.what, What::Close(_))),
            "byte {at}"
        );
    }
    // An MLSMessage around it is what the protocol says, and is taken too.
    let wrapped = [&[0, 1, 0, 5][..], &package].concat();
    assert!(Joiner::parse(1, &wrapped).is_ok());
    assert!(room.all_hear(2));
}

/// A key package that is what it should be, but for somebody who cannot be in such a group.
fn foreign_capabilities(user: u64) -> Vec<u8> {
    let signer = SignatureKeyPair::new(CIPHERSUITE.signature_algorithm()).unwrap();
    let credential = CredentialWithKey {
        credential: BasicCredential::new(user.to_be_bytes().to_vec()).into(),
        signature_key: signer.public().into(),
    };
    let capabilities = Capabilities::builder()
        .ciphersuites(vec![CIPHERSUITE])
        .credentials(vec![CredentialType::X509])
        .build();
    let package = KeyPackage::builder()
        .leaf_node_capabilities(capabilities)
        .key_package_lifetime(lifetime())
        .build(
            CIPHERSUITE,
            &OpenMlsRustCrypto::default(),
            &signer,
            credential,
        )
        .unwrap();
    package.key_package().tls_serialize_detached().unwrap()
}

#[test]
fn only_who_cannot_be_added_is_refused() {
    let mut room = Room::new();
    for user in [1, 2, 11] {
        room.enter(user);
    }
    let session = room.bots[&2].session;
    let said = Said::KeyPackage(foreign_capabilities(2));
    let honest = room.reports.pop_front().unwrap();
    room.reports.clear();
    let hostile = Report {
        user: 2,
        session,
        said,
    };
    let effects = room.step(vec![honest, hostile]);
    room.deliver(effects);
    assert_eq!(room.closed, [(2, Refusal::Invalid)]);
    room.settle();
    assert_eq!(room.roster(), [11, 1]);
    assert!(room.all_hear(1));
}
