//! `NativeCommitter`.

use flink_redis_engine::config::{SinkSettings, parse};
use flink_redis_engine::sink::{Committable, Committer, Lane};
use jni::EnvUnowned;
use jni::objects::{JClass, JString};
use jni::sys::{jboolean, jint, jlong};

use crate::guard::{guarded, wait};
use crate::handles::Handles;
use crate::native_credentials::find_desk;

static COMMITTERS: Handles<Committer> = Handles::new();

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeCommitter_nativeOpen<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    settings: JString<'local>,
) -> jlong {
    guarded(env, |env| {
        let mut settings = SinkSettings::from_json(&settings.try_to_string(env)?)?;
        find_desk(&mut settings.connection)?;
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
    guarded(env, |env| {
        let committer = COMMITTERS.get(handle)?;
        let committables: Vec<Committable> = parse("committables", &committables.try_to_string(env)?)?;
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
    guarded(env, |env| {
        let committer = COMMITTERS.get(handle)?;
        let lanes: Vec<Lane> = parse("lanes", &lanes.try_to_string(env)?)?;
        Ok(committer.recover(&lanes, wait(max_wait_millis))?)
    })
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeCommitter_nativeClose<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) {
    guarded(env, |_| {
        if let Some(committer) = COMMITTERS.remove(handle) {
            committer.close();
        }
        Ok(())
    });
}
