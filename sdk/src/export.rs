//! From a [`Binding`](crate::Binding) to the exports of a component.

/// Makes the crate a component that serves a binding: `zilla_sdk::export!(Hello);`, once, for a crate of
/// type `cdylib`. Natively it expands to nothing, so that plugins can be linked into one test.
///
/// `zilla_sdk::export!(Counter: State);` is for a binding that leaves its [`State`](crate::State) to a successor.
#[macro_export]
macro_rules! export {
    (@component $binding:ty { $($state:tt)* }) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::bindings::exports::zilla::plugin::binding_exports as wit;
            use $crate::bindings::zilla::plugin::types::{Batch, ConfigError, Frame, Instant};

            struct Component;

            std::thread_local! {
                static INSTANCE: std::cell::RefCell<Option<$crate::Instance<$binding>>> =
                    const { std::cell::RefCell::new(None) };
            }

            impl wit::Guest for Component {
                fn describe() -> wit::Description {
                    $crate::log_panics();
                    // The version is that of the crate in which this macro is used.
                    let version = std::env!("CARGO_PKG_VERSION").to_owned();
                    wit::Description { version, ..$crate::describe::<$binding>() }
                }

                fn attach(config: wit::BindingConfig) -> Result<Vec<wit::Route>, Vec<ConfigError>> {
                    $crate::log_panics();
                    let (instance, routes) = $crate::Instance::attach(&config)?;
                    INSTANCE.with_borrow_mut(|slot| *slot = Some(instance));
                    Ok(routes)
                }

                fn deliver(now: Instant, frames: Vec<Frame>, octets: Vec<u8>) -> Batch {
                    INSTANCE.with_borrow_mut(|slot| {
                        slot.as_mut().expect("attached before the first frame").deliver(now, &frames, &octets)
                    })
                }

                fn detach() {
                    if let Some(instance) = INSTANCE.with_borrow_mut(Option::take) {
                        instance.detach();
                    }
                }
            }

            $crate::bindings::export_component!(Component with_types_in $crate::bindings);
            $($state)*
        };
    };
    ($binding:ty) => {
        $crate::export!(@component $binding {});
    };
    ($binding:ty: State) => {
        $crate::export!(@component $binding {
            use $crate::bindings::state::exports::zilla::plugin::state_exports as state;

            impl state::Guest for Component {
                fn save() -> Vec<u8> {
                    INSTANCE.with_borrow(|slot| {
                        slot.as_ref().expect("attached before it is asked for state").save()
                    })
                }

                fn restore(version: String, state: Vec<u8>) -> Result<(), String> {
                    INSTANCE.with_borrow_mut(|slot| {
                        slot.as_mut().expect("attached before it is given state").restore(&version, &state)
                    })
                }
            }

            $crate::bindings::state::export_state!(Component with_types_in $crate::bindings::state);
        });
        // Natively as well, a binding that says so has state.
        const _: fn() = || {
            fn has_state<B: $crate::State>() {}
            has_state::<$binding>();
        };
    };
}

/// Sends the text of a panic to the host's log before the instance traps; it would be lost otherwise.
#[doc(hidden)]
pub fn log_panics() {
    std::panic::set_hook(Box::new(|info| crate::host::log(crate::host::Level::Error, &info.to_string())));
}
