//! `NativeEnumerator`.

use flink_redis_engine::config::{SourceSettings, parse};
use flink_redis_engine::enumerator::Enumerator;
use jni::EnvUnowned;
use jni::objects::{JClass, JString};
use jni::sys::{jint, jlong};

use crate::guard::{guarded, wait};
use crate::handles::Handles;
use crate::native_credentials::find_desk;

static ENUMERATORS: Handles<Enumerator> = Handles::new();

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeEnumerator_nativeOpen<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    settings: JString<'local>,
) -> jlong {
    guarded(env, |env| {
        let mut settings = SourceSettings::from_json(&settings.try_to_string(env)?)?;
        find_desk(&mut settings.connection)?;
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
    guarded(env, |env| {
        let enumerator = ENUMERATORS.get(handle)?;
        let request = parse("discover request", &request.try_to_string(env)?)?;
        match enumerator.discover(&request, wait(max_wait_millis))? {
            Some(found) => Ok(JString::from_str(env, serde_json::to_string(&found).unwrap_or_default())?),
            None => Ok(JString::default()),
        }
    })
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeEnumerator_nativeClose<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) {
    guarded(env, |_| {
        if let Some(enumerator) = ENUMERATORS.remove(handle) {
            enumerator.close();
        }
        Ok(())
    });
}
