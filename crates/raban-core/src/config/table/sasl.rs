//! Settings of SASL, that is of who the client says it is.

use crate::config::setting::Importance::{High, Low, Medium};
use crate::config::setting::SettingType::{
    Boolean, Class, Double, Int, List, Long, Password, Short, String,
};
use crate::config::setting::{Importance, Setting, SettingType, Treatment, Valid};

/// A row that only connections with SASL read: idle with PLAINTEXT, as in the Java client, and SASL itself is refused
/// at `security.protocol`.
const fn sasl(
    name: &'static str,
    kind: SettingType,
    default: Option<&'static str>,
    importance: Importance,
) -> Setting {
    Setting::new(name, kind, default, importance).treatment(Treatment::Accepted(
        "only SASL reads such settings, and security.protocol is PLAINTEXT: the client does not authenticate",
    ))
}

pub(super) const ROWS: &[Setting] = &[
    sasl("sasl.mechanism", String, Some("GSSAPI"), Medium)
        .aliases(&["sasl.mechanisms"])
        .doc("How the client proves who it is: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER or GSSAPI (Kerberos)."),
    sasl("sasl.jaas.config", Password, None, Medium)
        .doc("User and password, or other credentials, in the format of a JAAS login module."),
    sasl("sasl.client.callback.handler.class", Class, None, Medium)
        .doc("The Java class that answers the mechanism's questions."),
    sasl("sasl.login.callback.handler.class", Class, None, Medium)
        .doc("The Java class that answers the login's questions."),
    sasl("sasl.login.class", Class, None, Medium)
        .doc("The Java class that logs in."),
    sasl("sasl.login.connect.timeout.ms", Int, None, Low)
        .doc("How long in milliseconds connecting to the identity provider may take."),
    sasl("sasl.login.read.timeout.ms", Int, None, Low)
        .doc("How long in milliseconds the identity provider may take to answer."),
    sasl("sasl.login.refresh.buffer.seconds", Short, Some("300"), Low)
        .valid(Valid::Between(0, 3600))
        .doc("How many seconds before a token expires it is to be refreshed at the latest."),
    sasl("sasl.login.refresh.min.period.seconds", Short, Some("60"), Low)
        .valid(Valid::Between(0, 900))
        .doc("How many seconds a token is kept at least before it is refreshed."),
    sasl("sasl.login.refresh.window.factor", Double, Some("0.8"), Low)
        .valid(Valid::BetweenDecimals(0.5, 1.0))
        .doc("After which part of its life a token is refreshed."),
    sasl("sasl.login.refresh.window.jitter", Double, Some("0.05"), Low)
        .valid(Valid::BetweenDecimals(0.0, 0.25))
        .doc("Up to which part of its life a token's refresh is shifted at random."),
    sasl("sasl.login.retry.backoff.ms", Long, Some("100"), Low)
        .doc("How long in milliseconds to wait before asking the identity provider again for the first time."),
    sasl("sasl.login.retry.backoff.max.ms", Long, Some("10000"), Low)
        .doc("The longest wait in milliseconds before asking the identity provider again."),
    sasl("sasl.kerberos.kinit.cmd", String, Some("/usr/bin/kinit"), Low)
        .doc("The command that gets a Kerberos ticket."),
    sasl("sasl.kerberos.min.time.before.relogin", Long, Some("60000"), Low)
        .doc("How many milliseconds lie at least between two attempts to refresh a Kerberos ticket."),
    sasl("sasl.kerberos.service.name", String, None, Medium)
        .doc("The Kerberos name that the brokers run as."),
    sasl("sasl.kerberos.ticket.renew.jitter", Double, Some("0.05"), Low)
        .doc("Up to which part the time of a Kerberos ticket's renewal is shifted at random."),
    sasl("sasl.kerberos.ticket.renew.window.factor", Double, Some("0.8"), Low)
        .doc("After which part of its life a Kerberos ticket is renewed."),
    sasl("sasl.oauthbearer.token.endpoint.url", String, None, Medium)
        .doc("Where tokens are fetched from."),
    sasl("sasl.oauthbearer.client.credentials.client.id", String, None, Medium)
        .aliases(&["sasl.oauthbearer.client.id"])
        .doc("The name under which the identity provider knows this client."),
    sasl("sasl.oauthbearer.client.credentials.client.secret", Password, None, Medium)
        .aliases(&["sasl.oauthbearer.client.secret"])
        .doc("The secret that the identity provider expects of this client."),
    sasl("sasl.oauthbearer.scope", String, None, Medium)
        .doc("What the token is asked to allow."),
    sasl("sasl.oauthbearer.scope.claim.name", String, Some("scope"), Low)
        .doc("The claim of a token that holds its scope."),
    sasl("sasl.oauthbearer.sub.claim.name", String, Some("sub"), Low)
        .doc("The claim of a token that holds its subject."),
    sasl("sasl.oauthbearer.expected.audience", List, Some(""), High)
        .doc("Audiences that a token may be issued for."),
    sasl("sasl.oauthbearer.expected.issuer", String, None, High)
        .doc("Who must have issued a token."),
    sasl("sasl.oauthbearer.header.urlencode", Boolean, Some("false"), Low)
        .doc("Whether client id and secret are percent-encoded in the header of a token request."),
    sasl("sasl.oauthbearer.clock.skew.seconds", Int, Some("30"), Low)
        .doc("How many seconds the clocks of client and identity provider may differ."),
    sasl("sasl.oauthbearer.allow.unverified.audience", Boolean, Some("false"), Medium)
        .doc("Whether a token passes without a check of its audience."),
    sasl("sasl.oauthbearer.allow.unverified.issuer", Boolean, Some("false"), Medium)
        .doc("Whether a token passes without a check of its issuer."),
    sasl("sasl.oauthbearer.assertion.algorithm", String, Some("RS256"), Medium)
        .valid(Valid::OneOfAnyCase(&["ES256", "RS256"]))
        .doc("How a token request is signed."),
    sasl("sasl.oauthbearer.assertion.claim.aud", String, None, Medium)
        .doc("The audience in the assertion of a token request."),
    sasl("sasl.oauthbearer.assertion.claim.exp.seconds", Int, Some("300"), Low)
        .valid(Valid::Between(0, 86_400))
        .doc("After how many seconds the assertion of a token request expires."),
    sasl("sasl.oauthbearer.assertion.claim.iss", String, None, Medium)
        .doc("The issuer in the assertion of a token request."),
    sasl("sasl.oauthbearer.assertion.claim.jti.include", Boolean, Some("false"), Medium)
        .doc("Whether the assertion of a token request has an id of its own."),
    sasl("sasl.oauthbearer.assertion.claim.nbf.seconds", Int, Some("60"), Low)
        .valid(Valid::Between(0, 3600))
        .doc("How many seconds before its making the assertion of a token request is valid."),
    sasl("sasl.oauthbearer.assertion.claim.sub", String, None, Medium)
        .doc("The subject in the assertion of a token request."),
    sasl("sasl.oauthbearer.assertion.file", String, None, Medium)
        .doc("The file with a ready-made assertion."),
    sasl("sasl.oauthbearer.assertion.private.key.file", String, None, Medium)
        .doc("The file with the key that signs assertions."),
    sasl("sasl.oauthbearer.assertion.private.key.passphrase", Password, None, Medium)
        .doc("The passphrase of the key that signs assertions."),
    sasl("sasl.oauthbearer.assertion.template.file", String, None, Medium)
        .doc("The file with claims and headers to put into assertions."),
    sasl("sasl.oauthbearer.jwks.endpoint.url", String, None, Medium)
        .doc("Where the keys that verify tokens are fetched from."),
    sasl("sasl.oauthbearer.jwks.endpoint.refresh.ms", Long, Some("3600000"), Low)
        .doc("After how many milliseconds the keys that verify tokens are fetched again."),
    sasl("sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", Long, Some("100"), Low)
        .doc("How long in milliseconds to wait before the first new attempt to fetch those keys."),
    sasl("sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", Long, Some("10000"), Low)
        .doc("The longest wait in milliseconds before a new attempt to fetch those keys."),
    sasl(
        "sasl.oauthbearer.jwt.retriever.class",
        Class,
        Some("org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever"),
        Medium,
    )
    .doc("The Java class that fetches tokens."),
    sasl(
        "sasl.oauthbearer.jwt.validator.class",
        Class,
        Some("org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator"),
        Medium,
    )
    .doc("The Java class that checks tokens."),
];
