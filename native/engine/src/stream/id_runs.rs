//! Sets of stream entry IDs, kept as runs.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::resp::decimal::decimal;
use crate::stream::entry_id::{EntryId, ParseIdError};

/// IDs that follow one another in their sequence number, in the same millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) first: EntryId,
    pub(crate) count: u64,
}

impl Run {
    pub(crate) fn last(&self) -> EntryId {
        EntryId::new(self.first.ms, self.first.seq + (self.count - 1))
    }

    pub(crate) fn ids(self) -> impl Iterator<Item = EntryId> {
        (0..self.count).map(move |n| EntryId::new(self.first.ms, self.first.seq + n))
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.first, self.count)
    }
}

impl FromStr for Run {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let wrong = || ParseIdError::Run(text.to_owned());
        let (first, count) = text.split_once('+').ok_or_else(wrong)?;
        let run = Run { first: first.parse()?, count: decimal(count.as_bytes()).ok_or_else(wrong)? };
        if run.count == 0 || run.first.seq.checked_add(run.count - 1).is_none() {
            return Err(wrong());
        }
        Ok(run)
    }
}

/// A set of entry IDs, kept as runs: entries that were written together cost nothing each. Appending is cheap,
/// inserting below is rare.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runs {
    runs: VecDeque<Run>,
    /// How many IDs all runs have.
    ids: u64,
}

impl Runs {
    /// Adds an ID above all others.
    pub(crate) fn push(&mut self, id: EntryId) {
        self.ids += 1;
        if let Some(run) = self.runs.back_mut()
            && run.first.ms == id.ms
            && run.first.seq.checked_add(run.count) == Some(id.seq)
        {
            run.count += 1;
            return;
        }
        self.runs.push_back(Run { first: id, count: 1 });
    }

    /// Adds an ID, wherever it belongs.
    pub(crate) fn insert(&mut self, id: EntryId) {
        if self.last().is_none_or(|last| last < id) {
            self.push(id);
        } else if !self.contains(id) {
            let at = self.runs.partition_point(|run| run.first < id);
            self.runs.insert(at, Run { first: id, count: 1 });
            self.ids += 1;
        }
    }

    /// Adds all of another set.
    pub(crate) fn extend(&mut self, other: &Runs) {
        for run in other.runs() {
            if self.last().is_none_or(|last| last < run.first) {
                self.push(run.first);
                if let Some(back) = self.runs.back_mut() {
                    back.count += run.count - 1;
                    self.ids += run.count - 1;
                }
            } else {
                run.ids().for_each(|id| self.insert(id));
            }
        }
    }

    pub(crate) fn last(&self) -> Option<EntryId> {
        self.runs.back().map(Run::last)
    }

    pub(crate) fn first(&self) -> Option<EntryId> {
        self.runs.front().map(|run| run.first)
    }

    /// Returns whether it has no ID.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Returns how many IDs it has.
    pub fn len(&self) -> u64 {
        self.ids
    }

    /// Returns how many bytes the runs take up in memory.
    pub(crate) fn bytes(&self) -> u64 {
        (self.runs.len() * size_of::<Run>()) as u64
    }

    pub(crate) fn runs(&self) -> impl Iterator<Item = Run> + '_ {
        self.runs.iter().copied()
    }

    pub(crate) fn contains(&self, id: EntryId) -> bool {
        let after = self.runs.partition_point(|run| run.first <= id);
        after > 0 && self.runs.get(after - 1).is_some_and(|run| id <= run.last())
    }

    /// Returns the IDs `<= up_to`, from the lowest on.
    pub(crate) fn ids_up_to(&self, up_to: EntryId) -> impl Iterator<Item = EntryId> + '_ {
        self.runs.iter().flat_map(|run| run.ids()).take_while(move |id| *id <= up_to)
    }

    /// Removes the IDs `<= up_to`.
    pub fn remove_up_to(&mut self, up_to: EntryId) {
        while let Some(run) = self.runs.front_mut() {
            if run.first > up_to {
                return;
            }
            if run.last() <= up_to {
                self.ids -= run.count;
                self.runs.pop_front();
                continue;
            }
            let gone = up_to.seq - run.first.seq + 1;
            run.first.seq += gone;
            run.count -= gone;
            self.ids -= gone;
            return;
        }
    }

    /// Removes the IDs `> from`.
    pub(crate) fn remove_above(&mut self, from: EntryId) {
        while let Some(run) = self.runs.back_mut() {
            if run.last() <= from {
                return;
            }
            if run.first > from {
                self.ids -= run.count;
                self.runs.pop_back();
                continue;
            }
            let kept = from.seq - run.first.seq + 1;
            self.ids -= run.count - kept;
            run.count = kept;
            return;
        }
    }
}

impl FromIterator<EntryId> for Runs {
    fn from_iter<I: IntoIterator<Item = EntryId>>(ids: I) -> Self {
        let mut runs = Runs::default();
        ids.into_iter().for_each(|id| runs.push(id));
        runs
    }
}

impl Serialize for Runs {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.runs.iter().map(Run::to_string))
    }
}

impl<'de> Deserialize<'de> for Runs {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        let runs = texts.iter().map(|text| text.parse::<Run>()).collect::<Result<VecDeque<_>, _>>();
        let runs = runs.map_err(serde::de::Error::custom)?;
        let ids = runs.iter().map(|run| run.count).sum();
        Ok(Runs { runs, ids })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn runs_are_compact() {
        let runs: Runs =
            [(1, 0), (1, 1), (1, 2), (2, 0), (2, 2)].map(|(ms, seq)| EntryId::new(ms, seq)).into_iter().collect();
        assert_eq!(serde_json::to_string(&runs).unwrap(), r#"["1-0+3","2-0+1","2-2+1"]"#);
        assert_eq!(serde_json::from_str::<Runs>(r#"["1-0+3","2-0+1","2-2+1"]"#).unwrap(), runs);
        assert!(serde_json::from_str::<Runs>(r#"["1-0+0"]"#).is_err());
        assert!(serde_json::from_str::<Runs>(r#"["1-18446744073709551615+2"]"#).is_err());
    }

    proptest! {
        #[test]
        fn runs_behave_as_a_sorted_set(
            ids in prop::collection::btree_set((0u64..6, 0u64..12), 0..60),
            cut in (0u64..6, 0u64..12),
        ) {
            let model: BTreeSet<EntryId> = ids.iter().map(|(ms, seq)| EntryId::new(*ms, *seq)).collect();
            let cut = EntryId::new(cut.0, cut.1);
            let runs: Runs = model.iter().copied().collect();
            prop_assert_eq!(runs.len() as usize, model.len());
            prop_assert_eq!(runs.contains(cut), model.contains(&cut));
            let up_to: Vec<_> = model.iter().copied().filter(|id| *id <= cut).collect();
            prop_assert_eq!(runs.ids_up_to(cut).collect::<Vec<_>>(), up_to);
            let mut above = runs.clone();
            above.remove_up_to(cut);
            let above_len = above.len();
            prop_assert_eq!(above, model.iter().copied().filter(|id| *id > cut).collect());
            let mut below = runs.clone();
            below.remove_above(cut);
            prop_assert_eq!(below.len() + above_len, model.len() as u64);
            prop_assert_eq!(below.clone(), model.iter().copied().filter(|id| *id <= cut).collect());
            let ids = |runs: &Runs| runs.runs().flat_map(Run::ids).collect::<Vec<_>>();
            let mut joined = below.clone();
            let mut rest = runs.clone();
            rest.remove_up_to(cut);
            joined.extend(&rest);
            prop_assert_eq!(ids(&joined), ids(&runs));
            rest.extend(&below);
            rest.extend(&below);
            prop_assert_eq!(ids(&rest), ids(&runs));
        }
    }
}
