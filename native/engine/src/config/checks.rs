//! Checks of option values, shared by all settings.

use crate::error::{Error, Result};

/// Requires a text that is not blank.
///
/// # Errors
/// `Settings`, naming the option and its value.
pub(super) fn not_blank(option: &str, value: &str) -> Result<()> {
    if value.trim().is_empty() {
        return Err(Error::Settings(format!("{option} is '{value}': a text that is not blank is needed")));
    }
    Ok(())
}

/// Requires a number of at least `min`.
///
/// # Errors
/// `Settings`, naming the option, its value and the minimum.
pub(super) fn at_least(option: &str, value: u64, min: u64) -> Result<()> {
    if value < min {
        return Err(Error::Settings(format!("{option} is {value}: at least {min} is needed")));
    }
    Ok(())
}
