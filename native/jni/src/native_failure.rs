//! `NativeFailure`: makes its class known, which throws all exceptions.

use jni::EnvUnowned;
use jni::objects::JClass;

use crate::guard::guarded;
use crate::raise;

/// Registers the class. To be called once the library is loaded, before all other functions.
#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeFailure_nativeRegister<'local>(
    env: EnvUnowned<'local>,
    class: JClass<'local>,
) {
    guarded(env, |env| raise::register(env, &class));
}
