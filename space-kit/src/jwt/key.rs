//! Public keys from JWKs (RFC 7517; parameters: RFC 7518 section 6, RFC 8037 section 2), and signature verification.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey};
use serde_json::{Map, Value};

use crate::outgoing::crypto::is_signed;

/// The accepted signature algorithms. All are asymmetric, so that a public key is never used as a shared secret (RFC
/// 8725 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alg {
    /// `EdDSA` with Ed25519.
    EdDsa,
    /// `ES256`: ECDSA with P-256 and SHA-256.
    Es256,
    /// `RS256`: RSA PKCS #1 v1.5 with SHA-256, with at least 2048 bits.
    Rs256,
}

impl Alg {
    /// The algorithm of this name; names are case-sensitive.
    pub fn parse(name: &str) -> Option<Alg> {
        match name {
            "EdDSA" => Some(Alg::EdDsa),
            "ES256" => Some(Alg::Es256),
            "RS256" => Some(Alg::Rs256),
            _ => None,
        }
    }
}

/// A public key, which is for exactly one algorithm.
#[derive(Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// The 32 bytes of RFC 8032.
    Ed25519([u8; 32]),
    /// The uncompressed point: 4, x, y.
    P256([u8; 65]),
    /// Modulus and exponent in big-endian bytes, without leading zeros.
    Rsa {
        /// The modulus.
        n: Vec<u8>,
        /// The exponent.
        e: Vec<u8>,
    },
}

/// The accepted lengths of a modulus, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

impl PublicKey {
    /// The key of a JWK, if its type is supported and it is well formed and long enough.
    pub fn from_jwk(jwk: &Map<String, Value>) -> Option<PublicKey> {
        let text = |name| jwk.get(name)?.as_str();
        match (text("kty")?, text("crv")) {
            ("OKP", Some("Ed25519")) => Some(PublicKey::Ed25519(decode(text("x")?)?.try_into().ok()?)),
            ("EC", Some("P-256")) => {
                let x: [u8; 32] = decode(text("x")?)?.try_into().ok()?;
                let y: [u8; 32] = decode(text("y")?)?.try_into().ok()?;
                Some(PublicKey::P256([&[4][..], &x, &y].concat().try_into().ok()?))
            }
            ("RSA", _) => {
                let (n, e) = (number(text("n")?)?, number(text("e")?)?);
                RSA_BITS.contains(&bits(&n)).then_some(PublicKey::Rsa { n, e })
            }
            _ => None,
        }
    }

    /// The algorithm that the key is for.
    pub fn alg(&self) -> Alg {
        match self {
            PublicKey::Ed25519(_) => Alg::EdDsa,
            PublicKey::P256(_) => Alg::Es256,
            PublicKey::Rsa { .. } => Alg::Rs256,
        }
    }

    /// Whether `signature` is this key's signature of `message`.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let outcome = match self {
            PublicKey::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature),
            PublicKey::P256(point) => return is_signed(point, message, signature),
            PublicKey::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
        };
        outcome.is_ok()
    }
}

/// Decodes base64url. Every value has only one accepted spelling: without padding and line ends, and with zeros in the
/// unused bits of the last character (RFC 7515 section 2, RFC 4648 section 3.5).
pub fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// A number in big-endian bytes, without the leading zeros that some issuers write.
fn number(text: &str) -> Option<Vec<u8>> {
    Some(decode(text)?.into_iter().skip_while(|&byte| byte == 0).collect())
}

/// The bits of a number without leading zero bytes.
fn bits(number: &[u8]) -> usize {
    number
        .first()
        .map_or(0, |first| number.len().saturating_mul(8).saturating_sub(first.leading_zeros() as usize))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn jwk(value: Value) -> Option<PublicKey> {
        PublicKey::from_jwk(value.as_object().unwrap())
    }

    fn rsa(n: &[u8]) -> Option<PublicKey> {
        jwk(json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode(n), "e": "AQAB"}))
    }

    #[test]
    fn an_rsa_key_has_2048_bits_or_more() {
        let modulus = |bytes: usize, first: u8| {
            let mut n = vec![0xff; bytes];
            n[0] = first;
            n
        };
        assert_eq!(rsa(&modulus(256, 0x7f)), None, "2047 bits");
        assert_eq!(rsa(&modulus(128, 0xff)), None, "1024 bits");
        assert_eq!(rsa(&modulus(1025, 1)), None, "8193 bits");
        assert_eq!(rsa(&[]), None);
        assert_eq!(rsa(&[0; 256]), None);
        let whole = rsa(&modulus(256, 0x80)).unwrap();
        assert_eq!(
            rsa(&[&[0][..], &modulus(256, 0x80)].concat()),
            Some(whole),
            "a leading zero says nothing"
        );
    }

    #[test]
    fn a_curve_key_has_the_length_of_its_curve() {
        let of = |bytes: usize| URL_SAFE_NO_PAD.encode(vec![7; bytes]);
        for wrong in [0, 31, 33, 64] {
            assert_eq!(jwk(json!({"kty": "OKP", "crv": "Ed25519", "x": of(wrong)})), None);
            assert_eq!(jwk(json!({"kty": "EC", "crv": "P-256", "x": of(wrong), "y": of(32)})), None);
            assert_eq!(jwk(json!({"kty": "EC", "crv": "P-256", "x": of(32), "y": of(wrong)})), None);
        }
        assert!(jwk(json!({"kty": "OKP", "crv": "Ed25519", "x": of(32)})).is_some());
    }

    #[test]
    fn other_types_of_keys_are_rejected() {
        let x = URL_SAFE_NO_PAD.encode([7; 32]);
        for other in [
            json!({}),
            json!({"kty": "oct", "k": x}),
            json!({"kty": "EC", "crv": "P-384", "x": x, "y": x}),
            json!({"kty": "EC", "crv": "Ed25519", "x": x}),
            json!({"kty": "OKP", "crv": "X25519", "x": x}),
            json!({"kty": "OKP", "x": x}),
            json!({"kty": "okp", "crv": "Ed25519", "x": x}),
            json!({"kty": 1, "crv": "Ed25519", "x": x}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": 7}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": format!("{x}=")}),
        ] {
            assert_eq!(jwk(other.clone()), None, "{other}");
        }
    }

    #[test]
    fn the_examples_of_the_standards_are_valid() {
        let claims =
            "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        // RFC 7515 appendices A.2 and A.3, RFC 8037 appendix A.4.
        let n = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
        for (jwk, message, signature) in [
            (
                json!({"kty": "RSA", "n": n, "e": "AQAB"}),
                format!("eyJhbGciOiJSUzI1NiJ9.{claims}"),
                "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
            ),
            (
                json!({"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}),
                format!("eyJhbGciOiJFUzI1NiJ9.{claims}"),
                "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
            ),
            (
                json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}),
                "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc".to_owned(),
                "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
            ),
        ] {
            let (key, signature) =
                (PublicKey::from_jwk(jwk.as_object().unwrap()).unwrap(), decode(signature).unwrap());
            assert!(key.verifies(message.as_bytes(), &signature), "{jwk}");
            assert!(!key.verifies(message.replace("eyJ", "eyK").as_bytes(), &signature), "{jwk}");
        }
    }

    #[test]
    fn only_the_exact_names_of_algorithms_are_known() {
        for name in ["none", "None", "HS256", "RS384", "PS256", "ES256K", "rs256", "eddsa", "EdDSA ", ""] {
            assert_eq!(Alg::parse(name), None, "{name}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn only_one_spelling_of_each_value_decodes(text in "[A-Za-z0-9_=+/ -]{0,12}") {
            if let Some(bytes) = decode(&text) {
                prop_assert_eq!(URL_SAFE_NO_PAD.encode(bytes), text);
            }
        }

        #[test]
        fn no_key_and_no_signature_panic(
            kty in "OKP|EC|RSA", crv in "Ed25519|P-256", x in prop::collection::vec(any::<u8>(), 0..40),
            n in prop::collection::vec(any::<u8>(), 250..260), signature in prop::collection::vec(any::<u8>(), 0..80),
        ) {
            let (x, n) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(n));
            let key = jwk(json!({"kty": kty, "crv": crv, "x": x, "y": x, "n": n, "e": x}));
            prop_assert!(!key.is_some_and(|key| key.verifies(b"message", &signature)));
        }
    }
}
