//! Random schedules: what befalls a job and its servers, step by step.

use proptest::prelude::*;

use crate::source::model::state::TROUBLES;

/// One step of a schedule.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Produce {
        entries: u8,
        new_millisecond: bool,
    },
    ProduceLarge {
        entries: u8,
    },
    /// Let time pass.
    Wait {
        millis: u16,
    },
    /// Let tasks run, without time passing.
    Yield {
        times: u8,
    },
    Emit {
        entries: u8,
    },
    Checkpoint,
    Complete,
    Abort,
    /// The job fails, and goes on from the last completed checkpoint.
    Crash,
    /// The same, but the old reader lives on.
    GiveUp,
    /// A reader that was given up before it started starts now.
    StartLate,
    /// The job goes on from an older checkpoint.
    Rewind {
        back: u8,
    },
    KillConnections,
    LoseReplies {
        replies: u8,
    },
    Trim {
        entries: u8,
    },
    DeleteLast,
    Replicate,
    FailOver,
    LoseEverything,
    /// From now on reads fail, in one way or another.
    ReadsFail {
        how: u8,
    },
    ReadsWork,
    Pause,
    Resume,
    /// The stream is deleted, and made again with lower IDs.
    Recreate {
        entries: u8,
    },
    /// In a cluster: the slot moves on, by so many of the five things that whoever moves it does.
    Reshard {
        stages: u8,
    },
    /// It stays where it is.
    CallOff,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1u8..12, any::<bool>()).prop_map(|(entries, new_millisecond)| Step::Produce { entries, new_millisecond }),
        2 => (1u8..12).prop_map(|entries| Step::ProduceLarge { entries }),
        5 => (1u16..900).prop_map(|millis| Step::Wait { millis }),
        5 => (1u8..40).prop_map(|times| Step::Yield { times }),
        8 => (1u8..20).prop_map(|entries| Step::Emit { entries }),
        4 => Just(Step::Checkpoint),
        4 => Just(Step::Complete),
        1 => Just(Step::Abort),
        2 => Just(Step::Crash),
        2 => Just(Step::GiveUp),
        1 => Just(Step::StartLate),
        1 => (0u8..4).prop_map(|back| Step::Rewind { back }),
        2 => Just(Step::KillConnections),
        2 => (1u8..4).prop_map(|replies| Step::LoseReplies { replies }),
        1 => (1u8..6).prop_map(|entries| Step::Trim { entries }),
        1 => Just(Step::DeleteLast),
        1 => Just(Step::Replicate),
        1 => Just(Step::FailOver),
        1 => (0..TROUBLES.len() as u8).prop_map(|how| Step::ReadsFail { how }),
        1 => Just(Step::ReadsWork),
        1 => Just(Step::Pause),
        1 => Just(Step::Resume),
        1 => (0u8..12).prop_map(|entries| Step::Recreate { entries }),
        6 => (1u8..13).prop_map(|stages| Step::Reshard { stages }),
        1 => Just(Step::CallOff),
    ]
}

#[derive(Clone, Debug)]
pub(super) struct Schedule {
    pub(super) seed: u64,
    pub(super) strategy: &'static str,
    /// The user may neither kill clients nor run scripts.
    pub(super) restricted: bool,
    /// Entries of an old group that the job finds.
    pub(super) left_behind: u8,
    /// The job ends with what is there when it starts, which is so many entries more.
    pub(super) bounded: Option<u8>,
    /// Of the five things that move the slot in a cluster, so many are done when the job starts.
    pub(super) cluster: Option<u8>,
    /// The servers are older than 7.2.
    pub(super) old: bool,
    pub(super) steps: Vec<Step>,
}

pub(super) fn schedule() -> impl Strategy<Value = Schedule> {
    let strategies =
        prop_oneof![3 => Just("ON_CHECKPOINT"), 1 => Just("ON_EMIT"), 1 => Just("NOACK"), 1 => Just("COMMIT_POSITION")];
    let bounded = prop_oneof![3 => Just(None), 1 => (0u8..60).prop_map(Some)];
    let server = (any::<bool>(), any::<bool>(), prop::option::of(0u8..5));
    (any::<u64>(), strategies, server, 0u8..12, bounded, prop::collection::vec(step(), 1..60)).prop_map(
        |(seed, strategy, (restricted, old, cluster), left_behind, bounded, steps)| Schedule {
            seed,
            strategy,
            restricted,
            left_behind,
            bounded,
            cluster,
            old,
            steps,
        },
    )
}
