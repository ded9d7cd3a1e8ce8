//! Settings of the security protocol and of TLS.

use crate::config::setting::Importance::{High, Low, Medium};
use crate::config::setting::SettingType::{Class, List, Password, String};
use crate::config::setting::{Importance, Setting, SettingType, Treatment, Valid};

/// A row that only connections with TLS read: idle with PLAINTEXT, as in the Java client, and TLS itself is refused
/// at `security.protocol`.
const fn tls(
    name: &'static str,
    kind: SettingType,
    default: Option<&'static str>,
    importance: Importance,
) -> Setting {
    Setting::new(name, kind, default, importance).treatment(Treatment::Accepted(
        "only TLS reads such settings, and security.protocol is PLAINTEXT: connections are not encrypted",
    ))
}

pub(super) const ROWS: &[Setting] = &[
    Setting::new("security.protocol", String, Some("PLAINTEXT"), Medium)
        .valid(Valid::OneOfAnyCase(&["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]))
        .treatment(Treatment::Refused(
            "raban has neither TLS nor SASL yet. Use a listener of the brokers that speaks PLAINTEXT, and set \
             security.protocol=PLAINTEXT",
        ))
        .already_so(&["PLAINTEXT"])
        .doc("How connections are secured: PLAINTEXT, SSL (that is TLS), SASL_PLAINTEXT or SASL_SSL."),
    Setting::new("security.providers", String, None, Low)
        .treatment(Treatment::Accepted(
            "it adds providers of cryptography to the Java virtual machine, and there is none here",
        ))
        .already_so(&[""])
        .doc("Java classes that each add a provider of cryptography to the virtual machine."),
    tls("ssl.cipher.suites", List, Some(""), Low)
        .doc("The cipher suites that may be used; empty: all that the protocol's version offers."),
    tls("ssl.enabled.protocols", List, Some("TLSv1.2,TLSv1.3"), Medium)
        .doc("The versions of TLS that may be used."),
    tls("ssl.endpoint.identification.algorithm", String, Some("https"), Low)
        .doc("How the broker's name is checked against its certificate; empty turns the check off."),
    tls("ssl.engine.factory.class", Class, None, Low)
        .doc("The Java class that creates TLS engines."),
    tls("ssl.key.password", Password, None, High)
        .doc("The password of the private key in the key store."),
    tls("ssl.keymanager.algorithm", String, Some("SunX509"), Low)
        .doc("Java's algorithm of key managers."),
    tls("ssl.keystore.certificate.chain", Password, None, High)
        .doc("The client's certificate chain as PEM."),
    tls("ssl.keystore.key", Password, None, High)
        .doc("The client's private key as PEM."),
    tls("ssl.keystore.location", String, None, High)
        .doc("The file with the client's key and certificate."),
    tls("ssl.keystore.password", Password, None, High)
        .doc("The password of the key store."),
    tls("ssl.keystore.type", String, Some("JKS"), Medium)
        .doc("The format of the key store: JKS, PKCS12 or PEM."),
    tls("ssl.protocol", String, Some("TLSv1.3"), Medium)
        .doc("The newest version of TLS to use."),
    tls("ssl.provider", String, None, Medium)
        .doc("The Java security provider for TLS."),
    tls("ssl.secure.random.implementation", String, None, Low)
        .doc("Java's source of random numbers for TLS."),
    tls("ssl.trustmanager.algorithm", String, Some("PKIX"), Low)
        .doc("Java's algorithm of trust managers."),
    tls("ssl.truststore.certificates", Password, None, High)
        .doc("The trusted certificates as PEM."),
    tls("ssl.truststore.location", String, None, High)
        .doc("The file with the trusted certificates."),
    tls("ssl.truststore.password", Password, None, High)
        .doc("The password of the trust store."),
    tls("ssl.truststore.type", String, Some("JKS"), Medium)
        .doc("The format of the trust store: JKS, PKCS12 or PEM."),
];
