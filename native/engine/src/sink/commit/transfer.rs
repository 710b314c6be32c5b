//! A transfer moves a staging stream to its topic, chunk by chunk.
//!
//! A chunk is some entries of the staging stream. It is read, and written by one transaction: that appends the records
//! of the entries to the topic's stream and sets the *mark*, which says how far this lane's incarnation is. The
//! transaction is carried out only if the mark, which is watched, is what it was when the chunk was read. So a commit
//! that is repeated, interrupted or made twice at once neither loses nor duplicates. What the server refuses to queue
//! it refuses as a whole. Nothing is deleted before the mark says that all is moved, and that can be repeated, too.
//!
//! `MULTI` goes out behind the reads, so it has its reply before an append is sent: without it each command would be
//! carried out by itself.
//!
//! The staging stream is watched beside the mark. So in a cluster whose slot is on its way both must be on one node: a
//! key that is still on the other one is not taken for one that is not there.

use bytes::BytesMut;
use redis::Value;

use crate::client::transaction::{Outcomes, Transaction, begin, done, leave};
use crate::client::{Connection, ConnectionPool};
use crate::config::SinkSettings;
use crate::error::{Context, Error, Fault, FaultKind, Result};
use crate::foreign_text::shown;
use crate::resp::reply;
use crate::sink::commit::mark::Mark;
use crate::sink::commit::missing::missing;
use crate::sink::commit::pace::{CHUNK_BYTES, CHUNK_RECORDS, Pace};
use crate::sink::commit::staged::{Entry, entries};
use crate::sink::committable::Committable;
use crate::sink::encode::{StagingKey, append_to};
use crate::sink::pack::StagedRecord;
use crate::sink::replicas::Replicas;
use crate::sink::unit::Prefix;

/// How often in a row others may have changed what a transaction depends on. Each time another committer has made
/// progress.
const TRIES: u32 = 100;

/// The commit of one [`Committable`].
pub(super) struct Transfer<'w> {
    settings: &'w SinkSettings,
    pool: &'w ConnectionPool,
    pace: Pace,
    committable: &'w Committable,
    /// Where it goes: the stream of the topic that it was staged for, whatever the settings say by now.
    stream: &'w str,
    index: &'w str,
    mark_key: String,
    /// The command that appends to the stream, up to the fields.
    append: Prefix,
    /// The sequence of the last record that is known to be moved.
    moved: u64,
    /// The first entries are not in the staging stream: the version before this one deleted what it had moved.
    is_begun: bool,
    /// What the mark says though it is not so, and what it should say.
    wrong: Option<(Option<Mark>, Mark)>,
    has_progressed: bool,
}

/// The state that the server has before a transaction.
struct Found {
    mark: Option<Mark>,
    /// How many entries the staging stream has.
    there: u64,
    /// The sequence of the first one, if that was asked for.
    first: Option<u64>,
    /// Entries behind the moved ones, as they came.
    chunk: BytesMut,
}

/// The next step of a transfer.
enum Next {
    /// Read again: something has changed.
    LookAgain,
    /// The transaction appends so many records and sets this mark.
    Append(u64, Mark, Transaction),
    /// All is in the topic.
    CleanUp,
    /// What was staged is not all there.
    Lost,
}

impl<'w> Transfer<'w> {
    pub(super) fn new(
        settings: &'w SinkSettings,
        pool: &'w ConnectionPool,
        committable: &'w Committable,
        at_once: u64,
    ) -> Result<Self> {
        let Some(StagingKey { index, stream, lane, incarnation, .. }) = StagingKey::parse(&committable.key) else {
            return Err(Error::Settings(format!("'{}' is no staging stream's key", shown(&committable.key))));
        };
        Ok(Self {
            settings,
            pool,
            pace: Pace::of(committable, at_once),
            committable,
            stream,
            index,
            mark_key: format!("{index}:{lane}:{incarnation}:committed"),
            append: append_to(stream, settings),
            moved: 0,
            is_begun: false,
            wrong: None,
            has_progressed: false,
        })
    }

    /// Moves everything that is not moved yet. After an error, another call goes on where this one was.
    pub(super) async fn run(&mut self) -> Result<()> {
        let mut connection = self.pool.to(&self.committable.key).await?;
        let ended = self.run_over(&mut connection).await;
        if ended.as_ref().is_err_and(|error| error.server_code().is_empty()) {
            // It may be within a transaction. After an error of the server's it is not.
            connection.abandon();
        }
        ended.context(|| format!("commit of '{}'", shown(&self.committable.key)))
    }

    /// Tells whether something was moved since this was last called.
    pub(super) fn take_progress(&mut self) -> bool {
        std::mem::take(&mut self.has_progressed)
    }

    async fn run_over(&mut self, connection: &mut Connection) -> Result<()> {
        self.set_right(connection).await?;
        let mut changed = 0;
        while changed < TRIES {
            let found = self.look(connection).await?;
            let is_done = match self.next(&found)? {
                Next::LookAgain => leave(connection).await?,
                Next::Append(records, mark, transaction) => {
                    let outcomes = transaction.execute(connection).await?;
                    self.appended(connection, outcomes, records, found.mark, mark).await?
                }
                Next::CleanUp => {
                    if done(self.cleaning_up().execute(connection).await?)? {
                        return self.await_replicas(connection).await;
                    }
                    false
                }
                Next::Lost => {
                    leave(connection).await?;
                    return Err(self.lost(connection, found.there).await?);
                }
            };
            changed = if is_done { 0 } else { changed + 1 };
        }
        let message = "others change the mark or the staging stream all the time";
        Err(Fault::new(FaultKind::Server, message).into_temporary().into())
    }

    /// Reads what there is, and begins a transaction that depends on it.
    async fn look(&mut self, connection: &mut Connection) -> Result<Found> {
        let Committable { key, epoch, .. } = self.committable;
        let (behind, count) = (format!("({epoch}-{}", self.moved), self.pace.count().to_string());
        let mut commands = vec![
            vec!["WATCH", &self.mark_key, key],
            vec!["GET", &self.mark_key],
            vec!["XLEN", key],
            // An append to a key of another type would fail in the transaction, and the mark be set all the same.
            vec!["XLEN", self.stream],
            vec!["XRANGE", key, &behind, "+", "COUNT", &count],
        ];
        if self.is_begun {
            commands.push(vec!["XRANGE", key, "-", "+", "COUNT", "1"]);
        }
        let begun = begin(connection, &commands).await;
        if begun.as_ref().is_err_and(|error| error.server_code().is_empty()) {
            self.pace.broke_off();
        }
        let mut replies = begun?.into_iter();
        let mut reply = || replies.next().ok_or(Error::Internal("a command without a reply".to_owned()));
        let mark = read_mark(&reply()?)?;
        let there = length(&reply()?)?;
        length(&reply()?)?;
        let chunk = reply()?;
        let first = if self.is_begun { entries(&reply()?)?.first().map(|entry| entry.id.seq) } else { None };
        Ok(Found { mark, there, first, chunk })
    }

    /// Decides what is to be done about what was found.
    fn next(&mut self, found: &Found) -> Result<Next> {
        let Committable { epoch, records, .. } = *self.committable;
        let moved = match found.mark {
            Some(mark) if mark.epoch == epoch => match mark.moved {
                None => return Ok(Next::CleanUp),
                Some(moved) => moved,
            },
            // This one was committed and cleaned up before a later one was begun.
            Some(mark) if mark.epoch > epoch && found.there == 0 => return Ok(Next::CleanUp),
            Some(mark) if mark.epoch > epoch => return Err(out_of_order(mark)),
            _ => 0,
        };
        if moved != self.moved {
            self.moved = moved;
            return Ok(Next::LookAgain);
        }
        let is_whole = match (self.committable.packed, found.first) {
            (Some(packed), _) => found.there == packed.entries,
            (None, _) if found.there == records => true,
            (None, None) if found.there > 0 && !self.is_begun => {
                self.is_begun = true;
                return Ok(Next::LookAgain);
            }
            (None, None) => false,
            (None, Some(first)) => first <= moved + 1 && found.there + first == records + 1,
        };
        let staged = entries(&found.chunk)?;
        let Some(chunk) = self.chunk(&staged).filter(|chunk| is_whole && !chunk.is_empty()) else {
            return Ok(Next::Lost);
        };
        self.pace.read(staged.iter().map(|entry| entry.strings.len()).max().unwrap_or_default());
        Ok(self.appending(&chunk))
    }

    /// Returns the records of as many entries as make a chunk, and of at least one; `None` if they are not those behind
    /// the moved ones.
    fn chunk<'r>(&self, staged: &[Entry<'r>]) -> Option<Vec<StagedRecord<'r>>> {
        let (mut chunk, mut bytes) = (Vec::new(), 0);
        for entry in staged {
            bytes += entry.strings.len();
            if !chunk.is_empty() && (bytes > CHUNK_BYTES || chunk.len() as u64 >= CHUNK_RECORDS) {
                break;
            }
            let held = entry.records(self.committable)?;
            // A transaction that was carried out in part may have moved the first ones of a pack.
            let before = entry.id.seq - held.len() as u64;
            let expected = self.moved + chunk.len() as u64;
            let moved = expected.checked_sub(before).filter(|moved| *moved == 0 || chunk.is_empty())?;
            chunk.extend_from_slice(held.get(usize::try_from(moved).ok()?..).filter(|rest| !rest.is_empty())?);
        }
        Some(chunk)
    }

    /// Returns the transaction that appends these.
    fn appending(&self, chunk: &[StagedRecord<'_>]) -> Next {
        let mut transaction = Transaction::default();
        for record in chunk {
            self.append.append_encoded(&mut transaction.bytes, record.count, record.strings);
        }
        transaction.commands = chunk.len();
        let records = chunk.len() as u64;
        let mark = self.mark_at(self.moved + records);
        self.add_setting(&mut transaction, mark);
        Next::Append(records, mark, transaction)
    }

    /// Takes what became of the appends. Returns `false` if others have changed something, and nothing was carried out.
    async fn appended(
        &mut self,
        connection: &mut Connection,
        outcomes: Option<Outcomes>,
        records: u64,
        before: Option<Mark>,
        mark: Mark,
    ) -> Result<bool> {
        let where_to = || format!("stream '{}', XADD", shown(self.stream));
        let results = match outcomes {
            None => return Ok(false),
            Some(Outcomes::Aborted(fault)) => return Err(fault.context(where_to()).into()),
            Some(Outcomes::Each(results)) => results,
        };
        // One that fails for the stream's sake fails those behind it, too. None is too large for it: it was in a stream
        // before.
        let appended = results.iter().take_while(|result| matches!(result, [b'$', b'0'..=b'9', ..])).count() as u64;
        let is_marked = results.iter().last() == Some(&b"+OK\r\n"[..]);
        if appended == records && is_marked {
            (self.moved, self.has_progressed) = (self.moved + records, true);
            return Ok(true);
        }
        let fault = results.fault().map(|fault| fault.context(where_to()));
        self.wrong = Some((if is_marked { Some(mark) } else { before }, self.mark_at(self.moved + appended)));
        self.set_right(connection).await?;
        Err(fault.map_or_else(|| Error::protocol("the reply to EXEC can't be read"), Error::from))
    }

    /// Sets the mark right, if it says what is not so. The server has carried a transaction out, and a command of it
    /// has failed all the same: the stream has no ID left, or the user's permissions were changed in that moment. What
    /// did not go into the topic is still staged, and the mark must say so. Only the committer that has the reply knows
    /// of it.
    async fn set_right(&mut self, connection: &mut Connection) -> Result<()> {
        while let Some((says, should)) = self.wrong {
            let look = [vec!["WATCH", &self.mark_key], vec!["GET", &self.mark_key]];
            let replies = begin(connection, &look).await?;
            let found = replies.first().map_or(Ok(None), |reply| read_mark(reply))?;
            let mut setting = Transaction::default();
            if found == says {
                self.add_setting(&mut setting, should);
            } else if found != Some(should) {
                self.wrong = None;
                return Err(overtaken(should));
            }
            // It is tried for as long as can be: what it says is not so.
            let set = setting.execute(connection).await.and_then(done);
            if set
                .map_err(|error| if let Error::Redis(fault) = error { fault.into_temporary().into() } else { error })?
            {
                self.wrong = None;
            }
        }
        Ok(())
    }

    fn mark_at(&self, moved: u64) -> Mark {
        let Committable { epoch, records, .. } = *self.committable;
        Mark { epoch, moved: Some(moved).filter(|moved| *moved < records) }
    }

    fn add_setting(&self, transaction: &mut Transaction, mark: Mark) {
        let (mark, ttl) = (mark.to_string(), self.settings.staging_ttl_seconds);
        transaction.add(redis::cmd("SET").arg(&self.mark_key).arg(mark).arg("EX").arg(ttl));
    }

    fn cleaning_up(&self) -> Transaction {
        let (key, ttl) = (&self.committable.key, self.settings.staging_ttl_seconds);
        let mut transaction = Transaction::default();
        // A write, so that the `WAIT` behind it is also about what an earlier connection has written.
        transaction.add(redis::cmd("EXPIRE").arg(&self.mark_key).arg(ttl));
        transaction.add(redis::cmd("DEL").arg(key));
        transaction.add(redis::cmd("SREM").arg(self.index).arg(key));
        transaction
    }

    /// Waits until what this connection has written is on `minReplicasToAck` replicas.
    async fn await_replicas(&self, connection: &mut Connection) -> Result<()> {
        let Some(replicas) = Replicas::of(self.settings) else { return Ok(()) };
        match connection.call(&replicas.wait()).await.context(|| "WAIT")? {
            Value::Int(there) => replicas.lack(there.unsigned_abs()).map_or(Ok(()), |fault| Err(fault.into())),
            _ => Err(Error::protocol("the reply to WAIT can't be read")),
        }
    }

    /// Returns the error that says what is missing.
    async fn lost(&mut self, connection: &mut Connection, there: u64) -> Result<Error> {
        let why = match there {
            0 => "it is gone, and there is no mark that it was committed".to_owned(),
            _ => {
                format!(
                    "records are missing: {}",
                    missing(connection, self.committable, self.moved, &mut self.pace).await?
                )
            }
        };
        let message = format!(
            "staging stream '{}' of {} records can't be committed: {why}; deleted, evicted, expired \
             (stagingTtlSeconds), or lost by Redis in a failover; what is left of it was not written to the topic",
            shown(&self.committable.key),
            self.committable.records
        );
        Ok(Fault::new(FaultKind::StagingLost, message).into())
    }
}

fn read_mark(reply: &[u8]) -> Result<Option<Mark>> {
    match reply::decode(reply)? {
        Value::Nil => Ok(None),
        Value::BulkString(text) => Mark::parse(&text).map(Some),
        _ => Err(Error::protocol("the reply to GET can't be read")),
    }
}

fn length(reply: &[u8]) -> Result<u64> {
    match reply::decode(reply)? {
        Value::Int(length) => Ok(length.unsigned_abs()),
        _ => Err(Error::protocol("the reply to XLEN can't be read")),
    }
}

fn out_of_order(mark: Mark) -> Error {
    let message = format!(
        "its records are staged, though the mark says that the later epoch {} was committed; nothing was written. Has \
         Redis been set back to older data, or have the epochs of one writer been committed by two?",
        mark.epoch
    );
    Fault::new(FaultKind::Server, message).into()
}

fn overtaken(should: Mark) -> Error {
    let message = format!(
        "an append failed in a transaction, and another committer went on before the mark was set to {should}: \
         records behind it may be missing in the topic, or there twice"
    );
    Fault::new(FaultKind::StagingLost, message).into()
}
