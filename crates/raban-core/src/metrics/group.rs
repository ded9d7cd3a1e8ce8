//! A group of metrics: one table makes its struct, its names and its descriptions.

use super::{Distribution, Meter};

/// `GROUP NAME { { other fields } field: type = NAME, DESCRIPTION; … }`.
macro_rules! group {
    (
        $(#[$meta:meta])*
        $group:literal $name:ident {
            { $($(#[$other_meta:meta])* pub $other:ident: $other_type:ty,)* }
            $($field:ident: $type:ty = $metric:literal, $doc:literal;)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$other_meta])* pub $other: $other_type,)*
            $(
                #[doc = concat!("`", $metric, "`: ", $doc)]
                pub $field: $type,
            )*
        }

        impl $name {
            fn visit(
                &self,
                tag: Option<(&'static str, &str)>,
                see: &mut dyn FnMut($crate::metrics::Metric<'_>),
            ) {
                $(
                    $crate::metrics::group::Values::each(&self.$field, &mut |suffix, value| {
                        let name = format!("{}{suffix}", $metric);
                        see($crate::metrics::Metric {
                            group: $group,
                            is_total: name.ends_with("-total"),
                            name,
                            description: $doc,
                            tag,
                            value,
                        });
                    });
                )*
            }
        }
    };
}
pub(super) use group;

/// What a metric gives under its name and a suffix.
pub(super) trait Values {
    fn each(&self, give: &mut dyn FnMut(&'static str, f64));
}

impl Values for Meter {
    fn each(&self, give: &mut dyn FnMut(&'static str, f64)) {
        give("-rate", self.rate);
        give("-total", self.total as f64);
    }
}

impl Values for Distribution {
    fn each(&self, give: &mut dyn FnMut(&'static str, f64)) {
        give("-avg", self.avg);
        give("-max", self.max);
        give("-p50", self.p50);
        give("-p90", self.p90);
        give("-p99", self.p99);
        give("-p999", self.p999);
    }
}

impl Values for f64 {
    fn each(&self, give: &mut dyn FnMut(&'static str, f64)) {
        give("", *self);
    }
}

impl Values for u64 {
    fn each(&self, give: &mut dyn FnMut(&'static str, f64)) {
        give("", *self as f64);
    }
}
