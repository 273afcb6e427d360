package judge;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.security.GeneralSecurityException;
import java.security.cert.Certificate;
import java.util.List;
import java.util.Map;
import org.eclipse.californium.elements.auth.RawPublicKeyIdentity;
import org.eclipse.californium.elements.config.CertificateAuthenticationMode;
import org.eclipse.californium.elements.config.Configuration;
import org.eclipse.californium.scandium.config.DtlsConfig;
import org.eclipse.californium.scandium.config.DtlsConfig.DtlsRole;
import org.eclipse.californium.scandium.config.DtlsConnectorConfig;
import org.eclipse.californium.scandium.dtls.CertificateType;
import org.eclipse.californium.scandium.dtls.cipher.CipherSuite;
import org.eclipse.californium.scandium.dtls.pskstore.SinglePskStore;
import org.eclipse.californium.scandium.dtls.x509.SingleCertificateProvider;
import org.eclipse.californium.scandium.dtls.x509.StaticCertificateVerifier;

/** What a Scandium connector of this run looks like. */
final class Dtls {
    private Dtls() {}

    static final Map<String, CipherSuite> SUITES = Map.ofEntries(
            Map.entry("psk-ccm8", CipherSuite.TLS_PSK_WITH_AES_128_CCM_8),
            Map.entry("psk-ccm", CipherSuite.TLS_PSK_WITH_AES_128_CCM),
            Map.entry("psk-gcm", CipherSuite.TLS_PSK_WITH_AES_128_GCM_SHA256),
            Map.entry("psk-cbc", CipherSuite.TLS_PSK_WITH_AES_128_CBC_SHA256),
            Map.entry("ecdhe-psk-cbc", CipherSuite.TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256),
            Map.entry("x509-ccm8", CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8),
            Map.entry("x509-ccm", CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CCM),
            Map.entry("x509-gcm", CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
            Map.entry("x509-cbc", CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256),
            Map.entry("rpk-ccm8", CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8),
            Map.entry("rpk-ccm", CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CCM),
            Map.entry("rpk-gcm", CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
            Map.entry("rpk-cbc", CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256));

    static DtlsConnectorConfig.Builder config(String role, int port, Credentials credentials, String suite,
            Map<String, String> extra) throws IOException, GeneralSecurityException {
        CipherSuite cipher = SUITES.get(suite);
        if (cipher == null) {
            throw new IllegalArgumentException("no such suite: " + suite);
        }
        boolean server = role.equals("server");
        DtlsConnectorConfig.Builder config = DtlsConnectorConfig.builder(new Configuration());
        config.setAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), server ? port : 0));
        config.set(DtlsConfig.DTLS_ROLE, server ? DtlsRole.SERVER_ONLY : DtlsRole.CLIENT_ONLY);
        config.set(DtlsConfig.DTLS_RECOMMENDED_CIPHER_SUITES_ONLY, false);
        config.set(DtlsConfig.DTLS_CIPHER_SUITES, List.of(cipher));
        config.set(DtlsConfig.DTLS_RECEIVER_THREAD_COUNT, 1);
        config.set(DtlsConfig.DTLS_CONNECTOR_THREAD_COUNT, 2);
        config.set(DtlsConfig.DTLS_USE_SERVER_NAME_INDICATION, true);
        if (extra.containsKey("cid")) {
            config.set(DtlsConfig.DTLS_CONNECTION_ID_LENGTH, Integer.parseInt(extra.get("cid")));
        }
        if (extra.containsKey("mtu")) {
            config.set(DtlsConfig.DTLS_MAX_TRANSMISSION_UNIT, Integer.parseInt(extra.get("mtu")));
        }
        if (suite.contains("psk")) {
            config.setPskStore(new SinglePskStore(credentials.identity(), credentials.psk()));
            return config;
        }
        String other = server ? "client" : "server";
        if (server) {
            config.set(DtlsConfig.DTLS_CLIENT_AUTHENTICATION_MODE, CertificateAuthenticationMode.NEEDED);
        }
        if (suite.startsWith("rpk")) {
            config.setCertificateIdentityProvider(new SingleCertificateProvider(credentials.key(role), credentials.raw(role)));
            config.setCertificateVerifier(StaticCertificateVerifier.builder()
                    .setTrustedRPKs(new RawPublicKeyIdentity(credentials.raw(other))).build());
        } else {
            config.setCertificateIdentityProvider(new SingleCertificateProvider(credentials.key(role),
                    new Certificate[] {credentials.certificate(role)}, CertificateType.X_509));
            config.setCertificateVerifier(StaticCertificateVerifier.builder()
                    .setTrustedCertificates(credentials.certificate("ca")).build());
        }
        return config;
    }
}
