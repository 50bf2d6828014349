//! Certificates of an account's public keys, as Google publishes them: which key, and until when.

use jiff::Timestamp;
use serde_json::Value;
use x509_parser::pem::parse_x509_pem;

/// When the certificate of a key expires, from the map of key ID to PEM certificate that Google publishes for each
/// account. `None` if the key isn't there or its certificate can't be parsed.
pub(crate) fn ends(certificates: &str, key_id: &str) -> Option<Timestamp> {
    let map: Value = serde_json::from_str(certificates).ok()?;
    let (_, pem) = parse_x509_pem(map.get(key_id)?.as_str()?.as_bytes()).ok()?;
    let certificate = pem.parse_x509().ok()?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_read_and_anything_else_is_no_end() {
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut params = rcgen::CertificateParams::default();
        params.not_after = rcgen::date_time_ymd(2031, 5, 6);
        let pem = params.self_signed(&key).expect("a certificate").pem();
        let map = serde_json::json!({ "k1": pem, "k2": "no certificate", "k3": 4 }).to_string();
        assert_eq!(ends(&map, "k1").map(|end| end.to_string()).as_deref(), Some("2031-05-06T00:00:00Z"));
        for key in ["k2", "k3", "k4"] {
            assert_eq!(ends(&map, key), None);
        }
        assert_eq!(ends("[]", "k1"), None);
    }
}
