//! The RSA keys of the lab's hosts, put together when a host starts.
//!
//! They are the same everywhere, public by design, and protect nothing. They are no files, and stand in no program:
//! what people search for keys finds none, and nobody takes one of these for his own.

use num_bigint::BigUint;
use rustls::pki_types::PrivatePkcs8KeyDer;
use wire::der;

/// Distances of the two primes from the numbers that [`drawn`] begins with, for a key of 2048 bits.
///
/// Searching primes takes longer than a whole diagnosis; a test looks whether these are.
const BITS_2048: [u32; 2] = [608, 834];
/// Those for a key of 1024 bits.
#[cfg(any(test, feature = "legacy-tls"))]
const BITS_1024: [u32; 2] = [962, 722];
/// Those for a key of 512 bits.
#[cfg(any(test, feature = "legacy-tls"))]
const BITS_512: [u32; 2] = [444, 194];
/// Seeds of the two primes, the larger one first, which is what RFC 8017 calls `p` by custom.
const SEEDS: [u64; 2] = [2, 1];
/// Public exponent.
const EXPONENT: u32 = 65_537;
/// `rsaEncryption` with its `NULL` (RFC 8017, appendix A.1).
const RSA_ENCRYPTION: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 1];

/// Makes the key of 2048 bits, as PKCS#8.
pub(crate) fn rsa_2048() -> PrivatePkcs8KeyDer<'static> {
    pkcs8(&primes(1024, BITS_2048)).into()
}

/// Makes the key of 1024 bits, as PKCS#8.
#[cfg(feature = "legacy-tls")]
pub(crate) fn rsa_1024() -> PrivatePkcs8KeyDer<'static> {
    pkcs8(&primes(512, BITS_1024)).into()
}

/// Makes the key of 512 bits, as PKCS#8.
#[cfg(feature = "legacy-tls")]
pub(crate) fn rsa_512() -> PrivatePkcs8KeyDer<'static> {
    pkcs8(&primes(256, BITS_512)).into()
}

fn primes(bits: u32, distances: [u32; 2]) -> [BigUint; 2] {
    let [(first, one), (second, other)] = [(SEEDS[0], distances[0]), (SEEDS[1], distances[1])];
    [drawn(first, bits) + one, drawn(second, bits) + other]
}

/// Draws an odd number of this many bits, a multiple of 64, whose two highest are set (`SplitMix64`).
fn drawn(seed: u64, bits: u32) -> BigUint {
    let mut state = seed;
    let mut number = BigUint::ZERO;
    for _ in 0..bits / 64 {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        number = (number << 64_u32) | BigUint::from(word ^ (word >> 31));
    }
    number | (BigUint::from(3_u32) << (bits - 2)) | BigUint::from(1_u32)
}

/// Writes `PrivateKeyInfo` (RFC 5208, section 5) around `RSAPrivateKey` (RFC 8017, appendix A.1.2).
fn pkcs8([p, q]: &[BigUint; 2]) -> Vec<u8> {
    let one = BigUint::from(1_u32);
    let exponent = BigUint::from(EXPONENT);
    let (below_p, below_q) = (p - &one, q - &one);
    let private = exponent.modinv(&(&below_p * &below_q)).expect("the exponent divides neither: a test looks");
    let coefficient = q.modinv(p).expect("two primes have no common divisor");
    let numbers =
        [p * q, exponent, private.clone(), p.clone(), q.clone(), &private % below_p, private % below_q, coefficient];
    let mut key = integer(&BigUint::ZERO);
    for number in &numbers {
        key.extend(integer(number));
    }
    let algorithm = [der::encode(der::OBJECT_IDENTIFIER, RSA_ENCRYPTION), der::encode(der::NULL, &[])].concat();
    let info = [
        integer(&BigUint::ZERO),
        der::encode(der::SEQUENCE, &algorithm),
        der::encode(der::OCTET_STRING, &der::encode(der::SEQUENCE, &key)),
    ];
    der::encode(der::SEQUENCE, &info.concat())
}

/// Writes a number, with a zero in front where its highest bit would make it negative.
fn integer(number: &BigUint) -> Vec<u8> {
    let mut bytes = number.to_bytes_be();
    if bytes.first().is_some_and(|first| *first >= 0x80) {
        bytes.insert(0, 0);
    }
    der::encode(der::INTEGER, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tells by Fermat's test whether a number is prime, which one drawn at random is then.
    fn is_prime(number: &BigUint) -> bool {
        let one = BigUint::from(1_u32);
        [2_u32, 3, 5, 7].iter().all(|base| BigUint::from(*base).modpow(&(number - &one), number) == one)
    }

    #[test]
    fn the_distances_lead_to_primes_that_suit_the_exponent() {
        for (bits, distances) in [(1024, BITS_2048), (512, BITS_1024), (256, BITS_512)] {
            let [p, q] = primes(bits, distances);
            assert!(p > q);
            for prime in [p, q] {
                assert_eq!(prime.bits(), u64::from(bits));
                assert!(is_prime(&prime) && !is_prime(&(&prime + 2_u32)), "{prime}");
                assert_ne!((prime - 1_u32) % EXPONENT, BigUint::ZERO);
            }
        }
    }

    #[test]
    fn the_key_signs_and_what_it_signs_verifies() {
        let pair = rcgen::KeyPair::try_from(&rsa_2048()).unwrap();
        let made = rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&pair).unwrap();
        assert_eq!(wire::certificate::Certificate::read(made.der()).unwrap().key_bits, 2048);
    }
}
