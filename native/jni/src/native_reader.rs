//! `NativeReader`.

use flink_redis_engine::config::{Partition, SourceSettings};
use flink_redis_engine::source::Reader;
use flink_redis_engine::stream::EntryId;
use jni::objects::{JByteArray, JClass, JIntArray, JObjectArray, JString};
use jni::sys::{jint, jlong};
use jni::{Env, EnvUnowned};

use crate::failure::Outcome;
use crate::guard::{guarded, on_object, wait};
use crate::handles::Handles;
use crate::java::{array_length, byte_array, ints, json, parsed, put_byte_array, text};

pub(crate) static READERS: Handles<Reader> = Handles::new();

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeReader_nativeOpen<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    settings: JString<'local>,
) -> jlong {
    guarded(env, |env| {
        let settings = SourceSettings::from_json(&text(env, "source settings", &settings)?)?;
        Ok(READERS.add(Reader::new(settings)?))
    })
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeReader_nativeAddSplits<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    splits: JString<'local>,
) {
    on_object(env, &READERS, handle, |env, reader| {
        let splits = parsed(env, "splits", &splits)?;
        Ok(reader.add_splits(splits)?)
    });
}

/// The one call of the data plane: a batch as a `byte[]`, or `null`. Of large entries it holds the headers, and the
/// strings of each are put into `strings`.
#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeReader_nativePoll<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    max_wait_millis: jint,
    strings: JObjectArray<'local>,
) -> JByteArray<'local> {
    on_object(env, &READERS, handle, |env, reader| {
        // Before the poll: a batch that it gives must not be lost.
        let most = array_length(env, "strings", &strings)?;
        let Some(batch) = reader.poll(wait(max_wait_millis))? else { return Ok(JByteArray::default()) };
        let Some((headers, entries)) = batch.in_parts(most) else {
            return byte_array(env, &batch.bytes);
        };
        for (at, entry) in entries.into_iter().enumerate() {
            put_byte_array(env, &strings, at, entry)?;
        }
        byte_array(env, &headers)
    })
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeReader_nativeWakeUp<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) {
    on_object(env, &READERS, handle, |_, reader| {
        reader.wake_up();
        Ok(())
    });
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeReader_nativePauseOrResume<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    pause: JIntArray<'local>,
    resume: JIntArray<'local>,
) {
    on_object(env, &READERS, handle, |env, reader| {
        reader.pause_or_resume(&partitions(env, &pause)?, &partitions(env, &resume)?);
        Ok(())
    });
}

fn partitions(env: &Env<'_>, array: &JIntArray<'_>) -> Outcome<Vec<Partition>> {
    Ok(ints(env, "partitions", array)?.into_iter().map(i32::cast_unsigned).collect())
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeReader_nativeEmitted<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    partition: jint,
    milliseconds: jlong,
    sequence: jlong,
) {
    on_object(env, &READERS, handle, |_, reader| {
        let position = EntryId::new(milliseconds.cast_unsigned(), sequence.cast_unsigned());
        reader.emitted(partition.cast_unsigned(), position);
        Ok(())
    });
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeReader_nativeCheckpoint<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    checkpoint_id: jlong,
    positions: JString<'local>,
) {
    on_object(env, &READERS, handle, |env, reader| {
        let positions = parsed(env, "checkpoint", &positions)?;
        reader.checkpoint(checkpoint_id, positions);
        Ok(())
    });
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeReader_nativeComplete<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    checkpoint_id: jlong,
) {
    on_object(env, &READERS, handle, |_, reader| {
        reader.complete(checkpoint_id);
        Ok(())
    });
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeReader_nativeAbort<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    checkpoint_id: jlong,
) {
    on_object(env, &READERS, handle, |_, reader| {
        reader.abort(checkpoint_id);
        Ok(())
    });
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeReader_nativeStats<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) -> JString<'local> {
    on_object(env, &READERS, handle, |env, reader| json(env, &reader.stats()))
}

/// Ends reading, and waits for acknowledgments under way; ticks are served meanwhile, up to the close.
#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeReader_nativeFinish<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) {
    on_object(env, &READERS, handle, |_, reader| {
        reader.finish();
        Ok(())
    });
}
