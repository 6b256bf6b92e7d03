//! Hashes that every process computes alike: which lane a key belongs to, and who should own it.

/// FNV-1a of 64 bits, with its bits mixed once more so that short keys differ in all of them.
#[must_use]
pub fn stable(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    mix(bytes.iter().fold(0xcbf2_9ce4_8422_2325, step))
}

/// Mixes the bits of a number: the finaliser of SplitMix64.
#[must_use]
pub const fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// The one of `candidates` with the highest weight for `thing` (rendezvous hashing, Thaler and Ravishankar 1998): when
/// one comes or goes, only what it gets or had changes hands.
#[must_use]
pub fn rendezvous(thing: u64, candidates: impl IntoIterator<Item = u64>) -> Option<u64> {
    candidates
        .into_iter()
        .max_by_key(|candidate| (mix(mix(*candidate) ^ mix(thing.wrapping_add(1))), *candidate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_the_same_for_ever() {
        assert_eq!(stable(b""), 0xf52a_15e9_a9b5_e89b);
        assert_eq!(stable(b"order-7"), stable(&b"order-7"[..]));
        assert_ne!(stable(b"a") & 0xff, stable(b"b") & 0xff);
    }

    #[test]
    fn only_what_a_newcomer_gets_changes_hands() {
        let owner = |thing, candidates: &[u64]| rendezvous(thing, candidates.iter().copied());
        let (before, after) = ([11, 22, 33], [11, 22, 33, 44]);
        let moved = (0..1_000).filter(|thing| owner(*thing, &before) != owner(*thing, &after));
        let moved: Vec<u64> = moved.collect();
        assert!(moved.iter().all(|thing| owner(*thing, &after) == Some(44)));
        assert!((150..350).contains(&moved.len()), "{} of 1,000", moved.len());
        assert_eq!(rendezvous(1, []), None);
    }
}
