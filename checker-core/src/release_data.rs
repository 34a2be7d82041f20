//! The release data that checks judge by: the model and its reader. The data
//! itself lies with the checks.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::version::Version;

/// What is known of WEKA's releases, as of one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseData {
    /// The version of the data set, shown in the report.
    pub version: String,
    /// The day up to which it is complete.
    pub date: Date,
    /// The releases that can be upgraded to.
    pub releases: Vec<Release>,
}

/// One release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Its number.
    pub version: Version,
}

/// Why a text is no release data.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseDataError {
    /// It is not TOML of the expected form.
    #[error("{0}")]
    Form(#[from] toml::de::Error),
    /// A release stands in it twice.
    #[error("release {0} is listed twice")]
    Twice(Version),
    /// It lists nothing.
    #[error("it lists no release")]
    Empty,
}

impl ReleaseData {
    /// Reads the TOML form.
    ///
    /// # Errors
    /// When it is not of that form, lists a release twice, or none.
    pub fn from_toml(text: &str) -> Result<Self, ReleaseDataError> {
        let data: Self = toml::from_str(text)?;
        let mut versions: Vec<_> = data.releases.iter().map(|r| &r.version).collect();
        versions.sort();
        if versions.is_empty() {
            return Err(ReleaseDataError::Empty);
        }
        match versions.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(ReleaseDataError::Twice(pair[0].clone())),
            None => Ok(data),
        }
    }

    /// Whether the release can be upgraded to, as far as this data knows.
    #[must_use]
    pub fn knows(&self, version: &Version) -> bool {
        self.releases.iter().any(|r| &r.version == version)
    }
}
