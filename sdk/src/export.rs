//! From a [`Binding`](crate::Binding), a [`Guard`](crate::Guard) or a [`Matcher`](crate::Matcher) to the exports of a
//! component.

/// Makes the crate a component, once, for a crate of type `cdylib`. Natively it expands to nothing, so that plugins can
/// be linked into one test.
///
/// | | serves |
/// |---|---|
/// | `zilla_sdk::export!(Hello);` | a [`Binding`](crate::Binding) |
/// | `zilla_sdk::export!(Counter: State);` | one that leaves its [`State`](crate::State) to a successor |
/// | `zilla_sdk::export!(Tickets: Guard);` | a [`Guard`](crate::Guard) |
/// | `zilla_sdk::export!(Keys: Guard + Outbound);` | one that opens streams, an [`OutboundGuard`](crate::OutboundGuard) |
/// | `zilla_sdk::export!(Keys: Guard + Outbound + State);` | one that leaves its [`State`](crate::State) to a successor, too |
/// | `zilla_sdk::export!(Language: Matcher);` | a [`Matcher`](crate::Matcher) |
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
    ($guard:ty: Guard) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::bindings::guard::exports::zilla::plugin::guard_exports as wit;

            struct Component;

            std::thread_local! {
                static GUARD: std::cell::RefCell<Option<$guard>> = const { std::cell::RefCell::new(None) };
            }

            impl wit::Guest for Component {
                fn describe() -> wit::Description {
                    $crate::log_panics();
                    $crate::guard::describe::<$guard>(std::env!("CARGO_PKG_VERSION"))
                }

                fn attach(config: wit::GuardConfig) -> Result<(), Vec<$crate::ConfigError>> {
                    $crate::log_panics();
                    let guard = $crate::guard::attach::<$guard>(config)?;
                    GUARD.with_borrow_mut(|slot| *slot = Some(guard));
                    Ok(())
                }

                fn authorize(now: $crate::Instant, credentials: Vec<u8>) -> Option<wit::Session> {
                    GUARD.with_borrow_mut(|slot| {
                        let guard = slot.as_mut().expect("attached before it is shown credentials");
                        $crate::guard::authorize(guard, now, &credentials)
                    })
                }

                fn own_session(now: $crate::Instant) -> Option<wit::Session> {
                    GUARD.with_borrow_mut(|slot| {
                        let guard = slot.as_mut().expect("attached before it is asked for its own session");
                        $crate::Guard::own(guard, now)
                    })
                }

                fn detach() {
                    if let Some(guard) = GUARD.with_borrow_mut(Option::take) {
                        $crate::Guard::detach(guard);
                    }
                }
            }

            $crate::bindings::guard::export_guard!(Component with_types_in $crate::bindings::guard);
        };
        const _: fn() = || {
            fn is_guard<G: $crate::Guard>() {}
            is_guard::<$guard>();
        };
    };
    (@outbound $guard:ty { $($state:tt)* }) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::bindings::guard::exports::zilla::plugin::guard_exports as wit;
            use $crate::bindings::outbound::exports::zilla::plugin::outbound_exports as outbound;
            use $crate::outbound::OutboundInstance;

            struct Component;

            std::thread_local! {
                static INSTANCE: std::cell::RefCell<Option<OutboundInstance<$guard>>> =
                    const { std::cell::RefCell::new(None) };
            }

            /// Calls the guard, which is attached before anything is asked of it.
            fn with<T>(call: impl FnOnce(&mut OutboundInstance<$guard>) -> T) -> T {
                INSTANCE.with_borrow_mut(|slot| call(slot.as_mut().expect("attached before it is called")))
            }

            impl wit::Guest for Component {
                fn describe() -> wit::Description {
                    $crate::log_panics();
                    $crate::guard::describe::<$guard>(std::env!("CARGO_PKG_VERSION"))
                }

                fn attach(config: wit::GuardConfig) -> Result<(), Vec<$crate::ConfigError>> {
                    $crate::log_panics();
                    let instance = OutboundInstance::attach(config)?;
                    INSTANCE.with_borrow_mut(|slot| *slot = Some(instance));
                    Ok(())
                }

                fn authorize(now: $crate::Instant, credentials: Vec<u8>) -> Option<wit::Session> {
                    with(|instance| $crate::guard::authorize(instance.guard(), now, &credentials))
                }

                fn own_session(now: $crate::Instant) -> Option<wit::Session> {
                    with(|instance| $crate::Guard::own(instance.guard(), now))
                }

                fn detach() {
                    if let Some(instance) = INSTANCE.with_borrow_mut(Option::take) {
                        instance.detach();
                    }
                }
            }

            impl outbound::Guest for Component {
                fn outbound(limits: $crate::Limits) -> Option<outbound::OwnBindings> {
                    with(|instance| instance.outbound(limits))
                }

                fn deliver(now: $crate::Instant, frames: Vec<$crate::Frame>, octets: Vec<u8>) -> $crate::Batch {
                    with(|instance| instance.deliver(now, &frames, &octets))
                }
            }

            $crate::bindings::guard::export_guard!(Component with_types_in $crate::bindings::guard);
            $crate::bindings::outbound::export_outbound!(Component with_types_in $crate::bindings::outbound);
            $($state)*
        };
        const _: fn() = || {
            fn opens_streams<G: $crate::OutboundGuard>() {}
            opens_streams::<$guard>();
        };
    };
    ($guard:ty: Guard + Outbound) => {
        $crate::export!(@outbound $guard {});
    };
    ($guard:ty: Guard + Outbound + State) => {
        $crate::export!(@outbound $guard {
            use $crate::bindings::state::exports::zilla::plugin::state_exports as state;

            impl state::Guest for Component {
                fn save() -> Vec<u8> {
                    with(|instance| $crate::State::save(instance.guard()))
                }

                fn restore(version: String, state: Vec<u8>) -> Result<(), String> {
                    with(|instance| $crate::State::restore(instance.guard(), &version, &state))
                }
            }

            $crate::bindings::state::export_state!(Component with_types_in $crate::bindings::state);
        });
        const _: fn() = || {
            fn has_state<G: $crate::State>() {}
            has_state::<$guard>();
        };
    };
    ($matcher:ty: Matcher) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::bindings::matcher::exports::zilla::plugin::matcher_exports as wit;
            use $crate::matcher::MatcherInstance;

            struct Component;

            std::thread_local! {
                static INSTANCE: std::cell::RefCell<Option<MatcherInstance<$matcher>>> =
                    const { std::cell::RefCell::new(None) };
            }

            impl wit::Guest for Component {
                fn describe() -> wit::Description {
                    $crate::log_panics();
                    MatcherInstance::<$matcher>::describe(std::env!("CARGO_PKG_VERSION"))
                }

                fn attach(config: wit::MatcherConfig, uses: Vec<String>) -> Result<(), Vec<$crate::ConfigError>> {
                    $crate::log_panics();
                    let instance = MatcherInstance::attach(config, &uses)?;
                    INSTANCE.with_borrow_mut(|slot| *slot = Some(instance));
                    Ok(())
                }

                fn evaluate(now: $crate::Instant, queries: Vec<wit::Query>, octets: Vec<u8>) -> Vec<wit::Verdict> {
                    INSTANCE.with_borrow_mut(|slot| {
                        let instance = slot.as_mut().expect("attached before it is asked");
                        instance.evaluate(now, &queries, &octets)
                    })
                }

                fn detach() {
                    if let Some(instance) = INSTANCE.with_borrow_mut(Option::take) {
                        instance.detach();
                    }
                }
            }

            $crate::bindings::matcher::export_matcher!(Component with_types_in $crate::bindings::matcher);
        };
        const _: fn() = || {
            fn is_matcher<M: $crate::Matcher>() {}
            is_matcher::<$matcher>();
        };
    };
}

/// Sends the text of a panic to the host's log before the instance traps; it would be lost otherwise.
#[doc(hidden)]
pub fn log_panics() {
    std::panic::set_hook(Box::new(|info| crate::host::log(crate::host::Level::Error, &info.to_string())));
}
