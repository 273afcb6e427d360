//! The Server object (1): on which terms the device is registered.

use alloc::string::ToString;

use lwm2m_model::{Instance, Lwm2mVersion, Models, ObjectDef, Resource, ResourceValue, Value};
use lwm2m_ops::{Binding, Lifetime};

use super::{UnknownObject, definition};
use crate::{ObjectError, ServerAccount, ServerSettings, TableObject, Tree, tree::SERVER};

pub(crate) const LIFETIME: u16 = 1;
pub(crate) const DISABLE: u16 = 4;
pub(crate) const UPDATE_TRIGGER: u16 = 8;
pub(crate) const BOOTSTRAP_TRIGGER: u16 = 9;
/// The last alert between device and server.
pub(crate) const ALERT_CODE: u16 = 11;

/// The object without instances.
pub(crate) fn object(models: &Models, enabler: Lwm2mVersion) -> Result<TableObject, UnknownObject> {
    let def = definition(models, enabler, SERVER)?;
    Ok(WRITABLE
        .iter()
        .fold(TableObject::new(def), |object, id| object.with_support(*id))
        .with_executable(DISABLE)
        .with_executable(UPDATE_TRIGGER)
        .with_executable(BOOTSTRAP_TRIGGER)
        .with_check(check))
}

/// The resources that a server may write, present or not.
const WRITABLE: [u16; 13] = [1, 2, 3, 5, 6, 7, 14, 17, 18, 19, 20, 22, 26];

/// What the definition does not say: counts and seconds are 32-bit numbers, and a binding is one.
fn check(resource: &Resource) -> Result<(), ObjectError> {
    let ResourceValue::Single(value) = &resource.value else {
        return Ok(());
    };
    let fits = match resource.id {
        1 | 2 | 3 | 5 | 14 | 17 | 18 | 19 | 20 => value
            .as_u64()
            .is_some_and(|number| u32::try_from(number).is_ok()),
        7 => value
            .as_str()
            .is_some_and(|text| Binding::parse(text).is_ok()),
        26 => matches!(value.as_u64(), Some(0 | 1)),
        _ => true,
    };
    if fits {
        Ok(())
    } else {
        Err(ObjectError::BadValue)
    }
}

/// The instance that an account starts with.
pub(crate) fn instance(def: &ObjectDef, id: u16, account: &ServerAccount) -> Instance {
    let terms = &account.settings;
    let number = |number: Option<u32>| number.map(|number| Value::Unsigned(number.into()));
    let values = [
        (0, Some(Value::Unsigned(account.server.get().into()))),
        (1, Some(Value::Unsigned(terms.lifetime.to_wire().into()))),
        (2, number(terms.min_period)),
        (3, number(terms.max_period)),
        (5, number(terms.disable_timeout)),
        (6, Some(Value::Boolean(terms.store_notifications))),
        (7, Some(Value::String(terms.binding.to_string()))),
        (13, number(terms.priority)),
        (14, number(terms.initial_delay)),
        (15, terms.failure_block.map(Value::Boolean)),
        (17, number(terms.retry_count)),
        (18, number(terms.retry_timer)),
        (19, number(terms.sequence_delay)),
        (20, number(terms.sequence_count)),
        (
            26,
            terms
                .confirmable_notifications
                .map(|on| Value::Unsigned(on.into())),
        ),
    ];
    let known = |id: &u16| def.resource(*id).is_some();
    let resources = values
        .into_iter()
        .filter(|(id, _)| known(id))
        .filter_map(|(id, value)| Some(Resource::single(id, value?)))
        .collect();
    Instance::new(id, resources)
}

/// The terms as they stand in the tree, where servers may have written them.
pub(crate) fn settings(tree: &Tree, instance: u16, account: &ServerAccount) -> ServerSettings {
    let mut terms = account.settings.clone();
    let Some(object) = tree.object(SERVER) else {
        return terms;
    };
    let read = |id| match object.read(instance, id) {
        Some(ResourceValue::Single(value)) => Some(value),
        _ => None,
    };
    // What this version of the object does not have stays as the account says.
    let number = |id, known: &mut Option<u32>| {
        if object.definition().resource(id).is_some() {
            *known = read(id)
                .and_then(|value| value.as_u64())
                .map(|number| u32::try_from(number).unwrap_or(u32::MAX));
        }
    };
    for (id, known) in [
        (2, &mut terms.min_period),
        (3, &mut terms.max_period),
        (5, &mut terms.disable_timeout),
        (13, &mut terms.priority),
        (14, &mut terms.initial_delay),
        (17, &mut terms.retry_count),
        (18, &mut terms.retry_timer),
        (19, &mut terms.sequence_delay),
        (20, &mut terms.sequence_count),
    ] {
        number(id, known);
    }
    if let Some(seconds) = read(LIFETIME).and_then(|value| value.as_u64()) {
        terms.lifetime = Lifetime::from_seconds(u32::try_from(seconds).unwrap_or(u32::MAX));
    }
    if let Some(store) = read(6).and_then(|value| value.as_bool()) {
        terms.store_notifications = store;
    }
    if let Some(Ok(binding)) = read(7).as_ref().and_then(Value::as_str).map(Binding::parse) {
        terms.binding = binding;
    }
    if let Some(block) = read(15).and_then(|value| value.as_bool()) {
        terms.failure_block = Some(block);
    }
    if let Some(mode) = read(26).and_then(|value| value.as_u64()) {
        terms.confirmable_notifications = Some(mode == 1);
    }
    terms
}
