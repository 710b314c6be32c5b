//! `NativeCommitter`.

use flink_redis_engine::config::SinkSettings;
use flink_redis_engine::sink::{Committable, Committer, Lane};
use jni::EnvUnowned;
use jni::objects::{JClass, JString};
use jni::sys::{jboolean, jint, jlong};

use crate::guard::{guarded, on_object, wait};
use crate::handles::Handles;
use crate::java::{parsed, text};

pub(crate) static COMMITTERS: Handles<Committer> = Handles::new();

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeCommitter_nativeOpen<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    settings: JString<'local>,
) -> jlong {
    guarded(env, |env| {
        let settings = SinkSettings::from_json(&text(env, "sink settings", &settings)?)?;
        Ok(COMMITTERS.add(Committer::new(settings)?))
    })
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeCommitter_nativeCommit<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    committables: JString<'local>,
    max_wait_millis: jint,
) -> jboolean {
    on_object(env, &COMMITTERS, handle, |env, committer| {
        let committables: Vec<Committable> = parsed(env, "committables", &committables)?;
        Ok(committer.commit(&committables, wait(max_wait_millis))?)
    })
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeCommitter_nativeRecover<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    lanes: JString<'local>,
    max_wait_millis: jint,
) -> jboolean {
    on_object(env, &COMMITTERS, handle, |env, committer| {
        let lanes: Vec<Lane> = parsed(env, "lanes", &lanes)?;
        Ok(committer.recover(&lanes, wait(max_wait_millis))?)
    })
}
