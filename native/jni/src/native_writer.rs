//! `NativeWriter`.

use flink_redis_engine::config::SinkSettings;
use flink_redis_engine::sink::Writer;
use jni::EnvUnowned;
use jni::objects::{JByteArray, JClass, JString};
use jni::sys::{jboolean, jint, jlong};

use crate::guard::{guarded, on_object, wait};
use crate::handles::Handles;
use crate::java::{bytes, json, text};

pub(crate) static WRITERS: Handles<Writer> = Handles::new();

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeWriter_nativeOpen<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    settings: JString<'local>,
) -> jlong {
    guarded(env, |env| {
        let settings = SinkSettings::from_json(&text(env, "sink settings", &settings)?)?;
        Ok(WRITERS.add(Writer::new(settings)?))
    })
}

/// The one call of the data plane: a batch of records.
#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeWriter_nativeWrite<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    batch: JByteArray<'local>,
    length: jint,
    max_wait_millis: jint,
) -> jboolean {
    on_object(env, &WRITERS, handle, |env, writer| {
        let batch = bytes(env, "batch of records", &batch, length, |length| writer.buffer(length))?;
        let written = writer.write(&batch, wait(max_wait_millis));
        writer.take_back(batch);
        Ok(written?)
    })
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeWriter_nativeFlush<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    max_wait_millis: jint,
) -> jboolean {
    on_object(env, &WRITERS, handle, |_, writer| Ok(writer.flush(wait(max_wait_millis))?))
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeWriter_nativePrepare<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) -> JString<'local> {
    on_object(env, &WRITERS, handle, |env, writer| json(env, &writer.prepare()))
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeWriter_nativeStats<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) -> JString<'local> {
    on_object(env, &WRITERS, handle, |env, writer| json(env, &writer.stats()))
}
