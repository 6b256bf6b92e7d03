//! The allocator's free memory.

/// Gives what the allocator keeps for later back to the system, so that what a process uses is what it holds: the most
/// that it once needed is no leak.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    #[allow(unsafe_code, reason = "the standard library has no such call")]
    // SAFETY: it may be called at any time, from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}
