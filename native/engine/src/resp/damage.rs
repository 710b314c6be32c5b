//! What a network, or a server that is none, makes of replies; for tests.

use proptest::prelude::*;

#[derive(Clone, Debug)]
pub(crate) enum Damage {
    Change(usize, u8),
    Insert(usize, u8),
    Remove(usize),
    Repeat(usize, usize),
    CutOff(usize),
}

/// Generates bytes that mostly have a meaning in the protocol.
fn telling(byte: u8) -> u8 {
    const TELLING: &[u8] = b"*$\r\n-:+0123456789";
    TELLING.get(usize::from(byte) % 24).copied().unwrap_or(byte)
}

fn byte() -> impl Strategy<Value = u8> {
    proptest::arbitrary::any::<u8>().prop_map(telling)
}

pub(crate) fn any() -> impl Strategy<Value = Damage> {
    let place = proptest::arbitrary::any::<usize>;
    prop_oneof![
        (place(), byte()).prop_map(|(at, byte)| Damage::Change(at, byte)),
        (place(), byte()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        place().prop_map(Damage::Remove),
        (place(), 1..30usize).prop_map(|(at, count)| Damage::Repeat(at, count)),
        place().prop_map(Damage::CutOff),
    ]
}

/// Places count from the beginning again when they are beyond the end.
pub(crate) fn done(mut bytes: Vec<u8>, damage: &[Damage]) -> Vec<u8> {
    for one in damage {
        let length = bytes.len().max(1);
        match *one {
            _ if bytes.is_empty() => {}
            Damage::Change(at, byte) => bytes[at % length] = byte,
            Damage::Insert(at, byte) => bytes.insert(at % length, byte),
            Damage::Remove(at) => drop(bytes.remove(at % length)),
            Damage::Repeat(at, count) => {
                let at = at % length;
                let again = bytes[at..length.min(at + count)].to_vec();
                bytes.splice(at..at, again);
            }
            Damage::CutOff(at) => bytes.truncate(at % length),
        }
    }
    bytes
}

/// Bytes that look like replies to a parser that believes everything.
pub(crate) fn noise() -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop::collection::vec(proptest::arbitrary::any::<u8>(), 0..300);
    bytes.prop_map(|bytes| bytes.into_iter().map(telling).collect())
}
