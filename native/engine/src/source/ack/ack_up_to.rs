//! What may be acknowledged.

use crate::stream::{EntryId, Runs};

/// Says that everything up to an ID may be acknowledged, but for some.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::source) struct AckUpTo {
    pub(in crate::source) up_to: EntryId,
    /// IDs up to there that are still to be emitted.
    pub(in crate::source) except: Runs,
    /// Whether a completed checkpoint says so: that covers what older readers left behind.
    pub(in crate::source) by_checkpoint: bool,
    /// Which one of the streams that had this name it is about, counted from 0. Set by `PendingAcks::request`.
    pub(in crate::source) stream: u64,
}

impl AckUpTo {
    /// Returns whether the entry may be acknowledged.
    pub(in crate::source) fn allows(&self, id: EntryId) -> bool {
        id <= self.up_to && !self.except.contains(id)
    }

    /// Returns what allows whatever one of the two allows.
    pub(in crate::source) fn or(self, other: AckUpTo) -> AckUpTo {
        let excepted_by_both = |except: &Runs, by: &AckUpTo| -> Runs {
            except.runs().flat_map(|run| run.ids()).filter(|id| !by.allows(*id)).collect()
        };
        let mut except = excepted_by_both(&self.except, &other);
        except.extend(&excepted_by_both(&other.except, &self));
        AckUpTo {
            up_to: self.up_to.max(other.up_to),
            except,
            by_checkpoint: self.by_checkpoint || other.by_checkpoint,
            stream: self.stream,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_allow_what_one_of_them_allows() {
        let id = |ms| EntryId::new(ms, 0);
        let ack = |up_to, except: &[u64], by_checkpoint| AckUpTo {
            up_to: id(up_to),
            except: except.iter().map(|ms| id(*ms)).collect(),
            by_checkpoint,
            ..AckUpTo::default()
        };
        for (one, other, both) in [
            // Emitted further than the checkpoint that completes: what this covers of older readers is not forgotten
            // for that.
            (ack(9, &[], false), ack(5, &[], true), ack(9, &[], true)),
            (ack(5, &[], true), ack(9, &[], false), ack(9, &[], true)),
            // Excepted by both, and by one that the other covers.
            (ack(5, &[2, 3], true), ack(9, &[3, 7], true), ack(9, &[3, 7], true)),
            (ack(9, &[4, 8], true), ack(4, &[], false), ack(9, &[8], true)),
        ] {
            assert_eq!(one.or(other), both);
        }
    }
}
