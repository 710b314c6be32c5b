//! Where a panic happened, which its payload does not tell.
//!
//! The place is kept by the thread that panics, so it must be taken there: where `catch_unwind` returns.

use std::cell::RefCell;
use std::panic::PanicHookInfo;
use std::sync::Once;

thread_local! {
    /// The place of the thread's last panic. Its backtrace is not kept: the library's file is deleted once it is
    /// loaded, so its frames have no names.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Notes the place of panics from now on, instead of printing it. The hook of this copy of the library only.
pub fn note() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // The unit tests share a process, and one that fails must say why.
        let before = cfg!(test).then(std::panic::take_hook);
        std::panic::set_hook(Box::new(move |panic: &PanicHookInfo<'_>| {
            let place = panic.location().map(ToString::to_string);
            PLACE.with(|kept| *kept.borrow_mut() = place);
            if let Some(print) = &before {
                print(panic);
            }
        }));
    });
}

/// Takes the place of this thread's last panic.
pub(crate) fn take() -> Option<String> {
    PLACE.with(|kept| kept.borrow_mut().take())
}
