//! Memory of the two stated output policies: fresh and reused huge pages.

use crate::Answer;

/// A mapping of its own on huge pages where the system grants them. Nothing is touched when it is made.
pub struct HugePages {
    start: *mut libc::c_void,
    size_bytes: usize,
}

// SAFETY: the mapping is plain memory that belongs to this value alone.
unsafe impl Send for HugePages {}
unsafe impl Sync for HugePages {}

impl HugePages {
    pub fn new(size_bytes: usize) -> Answer<Self> {
        // SAFETY: a new anonymous mapping aliases nothing; failure is checked before use.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                size_bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(std::io::Error::last_os_error().into());
        }
        // SAFETY: the range is the mapping made above; the advice may be refused without harm.
        unsafe { libc::madvise(start, size_bytes, libc::MADV_HUGEPAGE) };
        Ok(Self { start, size_bytes })
    }

    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the mapping lives as long as self and is readable throughout.
        unsafe { std::slice::from_raw_parts(self.start.cast(), self.size_bytes) }
    }

    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and the borrow of self is unique.
        unsafe { std::slice::from_raw_parts_mut(self.start.cast(), self.size_bytes) }
    }
}

impl Drop for HugePages {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by new and is unmapped once.
        unsafe { libc::munmap(self.start, self.size_bytes) };
    }
}

/// Switches fsync, which bench/nosync.c has made a call that does nothing where it is preloaded.
pub fn want_sync(yes: bool) {
    // SAFETY: the name is a C string, and the function that it finds takes an int and returns nothing.
    unsafe {
        let found = libc::dlsym(libc::RTLD_DEFAULT, c"bench_sync_want".as_ptr());
        if !found.is_null() {
            let switch: extern "C" fn(libc::c_int) = std::mem::transmute(found);
            switch(libc::c_int::from(yes));
        }
    }
}
