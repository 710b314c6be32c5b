//! `NativeEnumerator`.

use flink_redis_engine::config::SourceSettings;
use flink_redis_engine::enumerator::Enumerator;
use jni::EnvUnowned;
use jni::objects::{JClass, JString};
use jni::sys::{jint, jlong};

use crate::guard::{guarded, on_object, wait};
use crate::handles::Handles;
use crate::java::{json, parsed, text};

pub(crate) static ENUMERATORS: Handles<Enumerator> = Handles::new();

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeEnumerator_nativeOpen<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    settings: JString<'local>,
) -> jlong {
    guarded(env, |env| {
        let settings = SourceSettings::from_json(&text(env, "source settings", &settings)?)?;
        Ok(ENUMERATORS.add(Enumerator::new(settings)?))
    })
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeEnumerator_nativeDiscover<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    request: JString<'local>,
    max_wait_millis: jint,
) -> JString<'local> {
    on_object(env, &ENUMERATORS, handle, |env, enumerator| {
        let request = parsed(env, "discover request", &request)?;
        match enumerator.discover(&request, wait(max_wait_millis))? {
            Some(found) => json(env, &found),
            None => Ok(JString::default()),
        }
    })
}
