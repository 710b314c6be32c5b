//! `NativeWriter`.

use flink_redis_engine::config::SinkSettings;
use flink_redis_engine::error::Error;
use flink_redis_engine::sink::Writer;
use jni::EnvUnowned;
use jni::objects::{JByteArray, JClass, JString};
use jni::sys::{jboolean, jint, jlong};

use crate::guard::{guarded, wait};
use crate::handles::Handles;
use crate::native_credentials::find_desk;

static WRITERS: Handles<Writer> = Handles::new();

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeWriter_nativeOpen<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    settings: JString<'local>,
) -> jlong {
    guarded(env, |env| {
        let mut settings = SinkSettings::from_json(&settings.try_to_string(env)?)?;
        find_desk(&mut settings.connection)?;
        Ok(WRITERS.add(Writer::new(settings)?))
    })
}

/// The one call of the data plane: a frame of records.
#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeWriter_nativeWrite<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    frame: JByteArray<'local>,
    length: jint,
    max_wait_millis: jint,
) -> jboolean {
    guarded(env, |env| {
        let writer = WRITERS.get(handle)?;
        let length = length.max(0).unsigned_abs() as usize;
        if length > frame.len(env)? {
            return Err(Error::Settings("a frame of records is longer than its array".to_owned()).into());
        }
        let mut bytes = vec![0u8; length];
        frame.get_region(env, 0, bytemuck::cast_slice_mut(&mut bytes))?;
        Ok(writer.write(&bytes, wait(max_wait_millis))?)
    })
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeWriter_nativeFlush<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    max_wait_millis: jint,
) -> jboolean {
    guarded(env, |_| Ok(WRITERS.get(handle)?.flush(wait(max_wait_millis))?))
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeWriter_nativePrepare<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) -> JString<'local> {
    guarded(env, |env| {
        let prepared = WRITERS.get(handle)?.prepare();
        Ok(JString::from_str(env, serde_json::to_string(&prepared).unwrap_or_default())?)
    })
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeWriter_nativeStats<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) -> JString<'local> {
    guarded(env, |env| {
        let stats = WRITERS.get(handle)?.stats();
        Ok(JString::from_str(env, serde_json::to_string(&stats).unwrap_or_default())?)
    })
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeWriter_nativeClose<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) {
    guarded(env, |_| {
        if let Some(writer) = WRITERS.remove(handle) {
            writer.close();
        }
        Ok(())
    });
}
