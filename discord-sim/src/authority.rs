//! The certificate authority that clients of voice and HTTPS are told to trust.
//!
//! Made anew for each simulator and held in memory only; a client trusts it by
//! `SSL_CERT_FILE` or its own means.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::server::TlsStream;

use crate::settings::StartError;

/// An authority that can sign server certificates.
pub(crate) struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// Accepts TLS connections.
#[derive(Clone)]
pub(crate) struct Tls {
    trusted: TlsAcceptor,
    /// With a certificate of an authority that nobody can know.
    distrusted: TlsAcceptor,
}

impl Tls {
    /// Does the handshake, with a certificate that the client can trust or one that it cannot.
    pub(crate) async fn accept(
        &self,
        stream: TcpStream,
        distrust: bool,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let acceptor = if distrust {
            &self.distrusted
        } else {
            &self.trusted
        };
        acceptor.accept(stream).await
    }
}

impl Authority {
    pub(crate) fn new() -> Result<Authority, StartError> {
        Authority::called("discord-sim authority")
    }

    fn called(name: &str) -> Result<Authority, StartError> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().map_err(failed)?;
        let pem = params.self_signed(&key).map_err(failed)?.pem();
        Ok(Authority {
            pem,
            issuer: Issuer::new(params, key),
        })
    }

    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// Servers that answer to these names and addresses.
    pub(crate) fn tls(&self, names: &[&str]) -> Result<Tls, StartError> {
        let stranger = Authority::called("an authority that nobody knows")?;
        Ok(Tls {
            trusted: self.server(names)?.into(),
            distrusted: stranger.server(names)?.into(),
        })
    }

    /// A TLS configuration with a fresh certificate for these names and addresses.
    ///
    /// The certificate is not the authority's own: rustls refuses an authority as a server.
    fn server(&self, names: &[&str]) -> Result<Arc<ServerConfig>, StartError> {
        let names = names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>();
        let mut params = CertificateParams::new(names).map_err(failed)?;
        params
            .distinguished_name
            .push(DnType::CommonName, "discord-sim");
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        // Named outright: the process may have other providers, or none, as its default.
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(failed)?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .map_err(failed)?;
        Ok(Arc::new(config))
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> StartError {
    StartError::Certificate(Box::new(error))
}
