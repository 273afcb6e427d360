package judge;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.Base64;
import java.util.HexFormat;

/** The files that ../credentials.sh makes. */
final class Credentials {
    private final Path folder;

    Credentials(String folder) {
        this.folder = Path.of(folder);
    }

    private byte[] pem(String name) throws IOException {
        String text = Files.readString(folder.resolve(name)).replaceAll("-----[A-Z ]+-----", "").replaceAll("\\s", "");
        return Base64.getDecoder().decode(text);
    }

    PrivateKey key(String who) throws IOException, GeneralSecurityException {
        return KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(pem(who + ".key")));
    }

    PublicKey raw(String who) throws IOException, GeneralSecurityException {
        return KeyFactory.getInstance("EC").generatePublic(new X509EncodedKeySpec(pem(who + ".pub")));
    }

    X509Certificate certificate(String who) throws IOException, GeneralSecurityException {
        try (InputStream in = Files.newInputStream(folder.resolve(who + ".pem"))) {
            return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
        }
    }

    String identity() throws IOException {
        return new String(Files.readAllBytes(folder.resolve("psk.identity")), StandardCharsets.UTF_8);
    }

    byte[] psk() throws IOException {
        return HexFormat.of().parseHex(Files.readString(folder.resolve("psk.key")).strip());
    }
}
