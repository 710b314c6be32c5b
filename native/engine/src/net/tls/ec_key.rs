//! Keys on elliptic curves that come without their public half.
//!
//! Java writes them so, whatever it has read (`Key.getEncoded`), and thus `keytool` and every key store that Java reads
//! do; the crypto library takes none of them. The public half is in the certificate, so it is put where it belongs: RFC
//! 5208 (PKCS#8) around RFC 5915 (the key).

use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::ParsedCertificate;

const INTEGER: u8 = 0x02;
const BITS: u8 = 0x03;
const OCTETS: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
const PUBLIC_KEY: u8 = 0xa1;

/// Returns the key with the public half of its certificate; unchanged if it has one already, or is of another kind.
pub(super) fn completed(key: PrivateKeyDer<'static>, certificate: &CertificateDer<'_>) -> PrivateKeyDer<'static> {
    let PrivateKeyDer::Pkcs8(pkcs8) = &key else { return key };
    match with_public_half(pkcs8.secret_pkcs8_der(), certificate) {
        Some(whole) => PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(whole)),
        None => key,
    }
}

fn with_public_half(pkcs8: &[u8], certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let (pkcs8, _) = content(SEQUENCE, pkcs8)?;
    let (version, rest) = content(INTEGER, pkcs8)?;
    let (algorithm, rest) = content(SEQUENCE, rest)?;
    let (key, _) = content(OCTETS, rest)?;
    let (key, _) = content(SEQUENCE, key)?;
    let (key_version, rest) = content(INTEGER, key)?;
    let (secret, mut rest) = content(OCTETS, rest)?;
    while let Some((tag, _, behind)) = element(rest) {
        if tag == PUBLIC_KEY {
            return None;
        }
        rest = behind;
    }

    let spki = ParsedCertificate::try_from(certificate).ok()?.subject_public_key_info();
    let (spki, _) = content(SEQUENCE, &spki)?;
    let (its_algorithm, rest) = content(SEQUENCE, spki)?;
    let (point, _) = content(BITS, rest)?;
    if its_algorithm != algorithm {
        return None; // another curve, or not of this key
    }

    let public = wrapped(PUBLIC_KEY, &wrapped(BITS, point));
    let key = [wrapped(INTEGER, key_version), wrapped(OCTETS, secret), public].concat();
    let key = wrapped(OCTETS, &wrapped(SEQUENCE, &key));
    Some(wrapped(SEQUENCE, &[wrapped(INTEGER, version), wrapped(SEQUENCE, algorithm), key].concat()))
}

/// Returns the content of the element with that tag with which the text begins, and the rest behind it.
fn content(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    element(der).filter(|element| element.0 == tag).map(|(_, content, behind)| (content, behind))
}

/// Returns the tag and the content of the element with which the text begins, and the rest behind it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => rest.split_first().map(|(&length, rest)| (usize::from(length), rest))?,
        0x82 => rest.split_first_chunk().map(|(&length, rest)| (usize::from(u16::from_be_bytes(length)), rest))?,
        _ => return None,
    };
    rest.split_at_checked(length).map(|(content, behind)| (tag, content, behind))
}

/// Returns an element with that content, which has less than 256 bytes, as all here have.
fn wrapped(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap_or(u8::MAX);
    let mut der = if length < 0x80 { vec![tag, length] } else { vec![tag, 0x81, length] };
    der.extend_from_slice(content);
    der
}

#[cfg(test)]
mod tests {
    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::sign::CertifiedKey;

    use super::*;

    fn usable(certificate: &CertificateDer<'static>, key: PrivateKeyDer<'static>) -> bool {
        CertifiedKey::from_der(vec![certificate.clone()], key, &ring::default_provider()).is_ok()
    }

    /// Returns the key as Java writes it: version, algorithm, and a key with nothing behind its secret.
    fn without_public_half(pkcs8: &[u8]) -> PrivateKeyDer<'static> {
        let (pkcs8, _) = content(SEQUENCE, pkcs8).unwrap();
        let (version, rest) = content(INTEGER, pkcs8).unwrap();
        let (algorithm, rest) = content(SEQUENCE, rest).unwrap();
        let (key, _) = content(SEQUENCE, content(OCTETS, rest).unwrap().0).unwrap();
        let (key_version, rest) = content(INTEGER, key).unwrap();
        let (secret, _) = content(OCTETS, rest).unwrap();
        let key = wrapped(SEQUENCE, &[wrapped(INTEGER, key_version), wrapped(OCTETS, secret)].concat());
        let parts = [wrapped(INTEGER, version), wrapped(SEQUENCE, algorithm), wrapped(OCTETS, &key)].concat();
        PrivatePkcs8KeyDer::from(wrapped(SEQUENCE, &parts)).into()
    }

    fn pair(algorithm: &'static rcgen::SignatureAlgorithm) -> (CertificateDer<'static>, Vec<u8>) {
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap();
        (certificate.der().clone(), key.serialize_der())
    }

    #[test]
    fn a_key_of_java_gets_its_public_half_from_the_certificate() {
        for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384] {
            let (certificate, key) = pair(algorithm);
            let javas = without_public_half(&key);
            assert!(!usable(&certificate, javas.clone_key()));
            assert!(usable(&certificate, completed(javas, &certificate)));
        }
    }

    #[test]
    fn a_key_of_another_certificate_stays_unusable() {
        let (_, key) = pair(&rcgen::PKCS_ECDSA_P256_SHA256);
        for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519] {
            let (other, _) = pair(algorithm);
            assert!(!usable(&other, completed(without_public_half(&key), &other)));
        }
    }

    #[test]
    fn other_keys_stay_as_they_are() {
        for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ED25519] {
            let (certificate, key) = pair(algorithm);
            let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key));
            assert_eq!(completed(key.clone_key(), &certificate), key);
        }
        let (certificate, key) = pair(&rcgen::PKCS_ECDSA_P256_SHA256);
        for length in 0..key.len() {
            let cut = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key[..length].to_vec()));
            assert_eq!(completed(cut.clone_key(), &certificate), cut);
        }
    }
}
