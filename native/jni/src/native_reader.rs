//! `NativeReader`.

use flink_redis_engine::config::{Partition, SourceSettings, parse};
use flink_redis_engine::entry_id::EntryId;
use flink_redis_engine::source::Reader;
use jni::objects::{JByteArray, JClass, JIntArray, JString};
use jni::sys::{jint, jlong};
use jni::{Env, EnvUnowned};

use crate::guard::{Outcome, guarded, wait};
use crate::handles::Handles;
use crate::native_credentials::find_desk;

static READERS: Handles<Reader> = Handles::new();

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeReader_nativeOpen<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    settings: JString<'local>,
) -> jlong {
    guarded(env, |env| {
        let mut settings = SourceSettings::from_json(&settings.try_to_string(env)?)?;
        find_desk(&mut settings.connection)?;
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
    guarded(env, |env| {
        let splits = parse("splits", &splits.try_to_string(env)?)?;
        Ok(READERS.get(handle)?.add_splits(splits)?)
    });
}

/// The one call of the data plane: a batch as a `byte[]`, or `null`.
#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeReader_nativePoll<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    max_wait_millis: jint,
) -> JByteArray<'local> {
    guarded(env, |env| match READERS.get(handle)?.poll(wait(max_wait_millis))? {
        Some(batch) => Ok(env.byte_array_from_slice(&batch.bytes)?),
        None => Ok(JByteArray::default()),
    })
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeReader_nativeWakeUp<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) {
    guarded(env, |_| {
        READERS.get(handle)?.wake_up();
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
    guarded(env, |env| {
        READERS.get(handle)?.pause_or_resume(&partitions(env, &pause)?, &partitions(env, &resume)?);
        Ok(())
    });
}

fn partitions(env: &Env<'_>, array: &JIntArray<'_>) -> Outcome<Vec<Partition>> {
    let mut numbers = vec![0; array.len(env)?];
    array.get_region(env, 0, &mut numbers)?;
    Ok(numbers.into_iter().map(i32::cast_unsigned).collect())
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
    guarded(env, |_| {
        let position = EntryId::new(milliseconds.cast_unsigned(), sequence.cast_unsigned());
        READERS.get(handle)?.emitted(partition.cast_unsigned(), position);
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
    guarded(env, |env| {
        let positions = parse("checkpoint", &positions.try_to_string(env)?)?;
        READERS.get(handle)?.checkpoint(checkpoint_id, positions);
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
    guarded(env, |_| {
        READERS.get(handle)?.complete(checkpoint_id);
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
    guarded(env, |_| {
        READERS.get(handle)?.abort(checkpoint_id);
        Ok(())
    });
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeReader_nativeStats<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) -> JString<'local> {
    guarded(env, |env| {
        let stats = READERS.get(handle)?.stats();
        Ok(JString::from_str(env, serde_json::to_string(&stats).unwrap_or_default())?)
    })
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeReader_nativeClose<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) {
    guarded(env, |_| {
        if let Some(reader) = READERS.remove(handle) {
            reader.close();
        }
        Ok(())
    });
}
