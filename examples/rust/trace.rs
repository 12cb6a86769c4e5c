// trace.rs - the trace of one message from Rust, with declarations that bindgen makes of the header.
// Debian: rustc, bindgen, and clang for its own headers.
//
//     bindgen --size_t-is-usize --no-prepend-enum-name --allowlist-function 'tv_.*' \
//         --allowlist-type 'tv_.*' /usr/include/tracevault.h -o tracevault.rs
//     rustc -O trace.rs -l tracevault
//     ./trace VAULT KEYFILE TENANT MESSAGE [NAME=VALUE]...
//
// Prints the trace as one line of JSON. NAME=VALUE are settings of the library. Exit code 0, or 1 with
// the reason on standard error.
mod tv {
    #![allow(dead_code, non_camel_case_types, non_upper_case_globals)]
    include!("tracevault.rs");
}
use std::ffi::CStr;
use std::os::raw::c_char;
use std::ptr::null_mut;

/// One object of the library, freed at the end of its life.
struct Owned<T>(*mut T, unsafe extern "C" fn(*mut T));

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        unsafe { (self.1)(self.0) }
    }
}

/// "TV_E_UNLOCK: the vault does not open …"; takes the error over.
fn told(status: tv::tv_status, error: *mut tv::tv_error) -> Result<(), String> {
    if status == tv::TV_OK as tv::tv_status {
        return Ok(());
    }
    let error = Owned(error, tv::tv_error_free);
    let (name, message) = unsafe {
        (
            CStr::from_ptr(tv::tv_status_name(status)),
            CStr::from_ptr(tv::tv_error_message(error.0, null_mut())),
        )
    };
    Err(format!("{}: {}", name.to_string_lossy(), message.to_string_lossy()))
}

/// Makes one object: `call` gets where the object goes and where the error goes.
fn make<T>(
    free: unsafe extern "C" fn(*mut T),
    call: impl FnOnce(*mut *mut T, *mut *mut tv::tv_error) -> tv::tv_status,
) -> Result<Owned<T>, String> {
    let (mut object, mut error) = (null_mut(), null_mut());
    let status = call(&mut object, &mut error);
    told(status, error).map(|()| Owned(object, free))
}

/// A text as the library takes it: neither copied nor ended with a NUL.
fn text(text: &str) -> (*const c_char, usize) {
    (text.as_ptr().cast(), text.len())
}

fn trace(arguments: &[String]) -> Result<String, String> {
    let (vault, key_file, tenant, message, settings) = match arguments {
        [vault, key_file, tenant, message, settings @ ..] => {
            (text(vault), text(key_file), text(tenant), text(message), settings)
        }
        _ => return Err("usage: trace VAULT KEYFILE TENANT MESSAGE [NAME=VALUE]...".into()),
    };
    let view = text("trace");
    unsafe {
        let config = make(tv::tv_config_free, |out, e| tv::tv_config_new(out, e))?;
        for setting in settings {
            let (name, value) = setting.split_once('=').ok_or("a setting is NAME=VALUE")?;
            let (name, value) = (text(name), text(value));
            let mut e = null_mut();
            told(tv::tv_config_set(config.0, name.0, name.1, value.0, value.1, &mut e), e)?;
        }
        let unlock = make(tv::tv_unlock_free, |out, e| {
            tv::tv_unlock_keyfile(key_file.0, key_file.1, out, e)
        })?;
        let vault = make(tv::tv_vault_free, |out, e| {
            tv::tv_vault_open(vault.0, vault.1, unlock.0, config.0, out, e)
        })?;
        let tenant = make(tv::tv_tenant_free, |out, e| {
            tv::tv_tenant_open(vault.0, tenant.0, tenant.1, out, e)
        })?;
        let request = make(tv::tv_request_free, |out, e| {
            tv::tv_request_trace(null_mut(), 0, message.0, message.1, out, e)
        })?;
        let engine =
            make(tv::tv_engine_free, |out, e| tv::tv_engine_new(config.0, out, e))?;
        let result = make(tv::tv_result_free, |out, e| {
            tv::tv_engine_fetch(engine.0, tenant.0, request.0, out, e)
        })?;
        let (mut data, mut length, mut e) = (null_mut() as *const c_char, 0, null_mut());
        told(
            tv::tv_result_document(result.0, view.0, view.1, &mut data, &mut length, &mut e),
            e,
        )?;
        // Borrowed from the result: copied before that ends.
        let bytes = std::slice::from_raw_parts(data as *const u8, length);
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match trace(&arguments) {
        Ok(json) => println!("{}", json),
        Err(reason) => {
            eprintln!("{}", reason);
            std::process::exit(1);
        }
    }
}
