//! Quantities: numbers with a unit, as `32MiB` or `10s`.

use serde_json::Value;

/// A number with a unit: how it is written, and what each unit is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantity {
    /// The least that is accepted.
    pub min: u64,
    /// The most that is accepted.
    pub max: u64,
    /// Without a unit, a number counts these.
    pub plain: &'static str,
    /// Units by their name, each with what it is worth.
    pub units: &'static [(&'static str, u64)],
}

impl Quantity {
    /// Reads an integer, or text of digits and a unit. None if it is neither, or not within the bounds.
    #[must_use]
    pub fn read(&self, value: &Value) -> Option<u64> {
        self.parse(value).filter(|quantity| (self.min..=self.max).contains(quantity))
    }

    fn parse(&self, value: &Value) -> Option<u64> {
        let Some(text) = value.as_str() else { return value.as_u64() };
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let worth = match unit.trim_start() {
            "" => 1,
            unit => self.units.iter().find(|(name, _)| *name == unit)?.1,
        };
        number.parse::<u64>().ok()?.checked_mul(worth)
    }

    /// What is accepted, in words.
    #[must_use]
    pub fn expected(&self) -> String {
        let Self { min, max, plain, .. } = self;
        let units = self.units.iter().filter(|(_, worth)| worth <= max);
        let units: Vec<_> = units.map(|(name, _)| *name).collect();
        match units.last() {
            Some(last) => format!(
                "{plain} from {min} to {max}, or a number with a unit ({}), as `1{last}`",
                units.join(", ")
            ),
            None => format!("{plain} from {min} to {max}"),
        }
    }
}
