//! The emulator's own certificate authority, for TLS as Google's hosts. Its key is made at the start, never
//! leaves memory and goes with the emulator.

use std::io;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::hosts;

const DAY: i64 = 24 * 60 * 60;
/// Longer than emulators run, and short enough for systems that refuse certificates of years.
const LIFE: i64 = 30 * DAY;

/// The server's side of TLS for every host that is served, and the certificate that clients have to trust.
pub(crate) struct Authority {
    pub(crate) acceptor: TlsAcceptor,
    /// The authority's certificate, as PEM.
    pub(crate) certificate: String,
}

impl Authority {
    /// Makes one, at this time of the real clock, in seconds since the epoch: clients hold certificates against
    /// theirs, and not against the emulator's.
    pub(crate) fn make(now: i64) -> io::Result<Authority> {
        Authority::try_make(now).map_err(io::Error::other)
    }

    fn try_make(now: i64) -> Result<Authority, Box<dyn std::error::Error + Send + Sync>> {
        let key = KeyPair::generate()?;
        let mut own = params("impersona emulator", now);
        own.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        own.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = own.self_signed(&key)?.pem();
        let issuer = Issuer::new(own, key);
        let mut leaf = params("googleapis.com", now);
        for (host, _) in hosts::googles() {
            leaf.subject_alt_names.push(rcgen::SanType::DnsName(host.try_into()?));
        }
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        // Strict clients (OpenSSL's X509_V_FLAG_X509_STRICT, which Python sets) want to be told the issuer's key.
        leaf.use_authority_key_identifier_extension = true;
        let leaf_key = KeyPair::generate()?;
        let chain = vec![leaf.signed_by(&leaf_key, &issuer)?.der().clone()];
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, private)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Authority { acceptor: TlsAcceptor::from(Arc::new(config)), certificate })
    }
}

fn params(name: &str, now: i64) -> CertificateParams {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let at = |seconds: i64| epoch + std::time::Duration::from_secs(seconds.unsigned_abs());
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = at(now - DAY);
    params.not_after = at(now + LIFE);
    params
}
