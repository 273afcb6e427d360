package judge;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.eclipse.californium.scandium.config.DtlsConfig;
import org.eclipse.leshan.core.endpoint.Protocol;
import org.eclipse.leshan.core.model.ObjectLoader;
import org.eclipse.leshan.core.model.ObjectModel;
import org.eclipse.leshan.core.observation.CompositeObservation;
import org.eclipse.leshan.core.observation.Observation;
import org.eclipse.leshan.core.observation.SingleObservation;
import org.eclipse.leshan.core.request.DownlinkDeviceManagementRequest;
import org.eclipse.leshan.core.request.ContentFormat;
import org.eclipse.leshan.core.request.ExecuteRequest;
import org.eclipse.leshan.core.request.ObserveRequest;
import org.eclipse.leshan.core.request.ReadRequest;
import org.eclipse.leshan.core.request.WriteRequest;
import org.eclipse.leshan.core.response.LwM2mResponse;
import org.eclipse.leshan.core.response.ObserveCompositeResponse;
import org.eclipse.leshan.core.response.ObserveResponse;
import org.eclipse.leshan.core.response.ReadResponse;
import org.eclipse.leshan.server.LeshanServer;
import org.eclipse.leshan.server.LeshanServerBuilder;
import org.eclipse.leshan.server.model.VersionedModelProvider;
import org.eclipse.leshan.server.observation.ObservationListener;
import org.eclipse.leshan.server.registration.Registration;
import org.eclipse.leshan.server.registration.RegistrationListener;
import org.eclipse.leshan.server.registration.RegistrationUpdate;
import org.eclipse.leshan.servers.security.InMemorySecurityStore;
import org.eclipse.leshan.servers.security.SecurityInfo;
import org.eclipse.leshan.transport.californium.server.endpoint.CaliforniumServerEndpointsProvider;
import org.eclipse.leshan.transport.californium.server.endpoint.coap.CoapServerProtocolProvider;
import org.eclipse.leshan.transport.californium.server.endpoint.coaps.CoapsServerProtocolProvider;

/**
 * Leshan's server. The endpoint device-1 has a pre-shared key, device-rpk a raw public key, and device-x509 (or, with
 * x509=NAME, that one) a certificate whose common name is the endpoint. Commands: "read EP PATH", "write EP PATH TEXT",
 * "execute EP PATH", "observe EP PATH". Prints "registered EP PATH IDENTITY", "updated EP", "deregistered EP", "CODE VALUE",
 * "notified PATH VALUE".
 */
final class Server {
    private final LeshanServer server;

    Server(int port, Credentials credentials, Map<String, String> extra) throws Exception {
        InMemorySecurityStore store = new InMemorySecurityStore();
        store.add(SecurityInfo.newPreSharedKeyInfo(extra.getOrDefault("psk", "device-1"), credentials.identity(), credentials.psk()));
        store.add(SecurityInfo.newRawPublicKeyInfo(extra.getOrDefault("rpk", "device-rpk"), credentials.raw("client")));
        store.add(SecurityInfo.newX509CertInfo(extra.getOrDefault("x509", "device-x509")));

        List<ObjectModel> models = new ArrayList<>(ObjectLoader.loadAllDefault());
        models.addAll(ObjectLoader.loadDdfFile(Server.class.getResourceAsStream("/3303.xml"), "3303.xml"));

        CaliforniumServerEndpointsProvider.Builder endpoints =
                new CaliforniumServerEndpointsProvider.Builder(new CoapServerProtocolProvider(), new CoapsServerProtocolProvider());
        endpoints.setConfiguration(configuration -> {
            configuration.set(DtlsConfig.DTLS_ROLE, DtlsConfig.DtlsRole.SERVER_ONLY);
            configuration.set(DtlsConfig.DTLS_RECOMMENDED_CIPHER_SUITES_ONLY, false);
            if (extra.containsKey("cid")) {
                configuration.set(DtlsConfig.DTLS_CONNECTION_ID_LENGTH, Integer.parseInt(extra.get("cid")));
            }
        });
        endpoints.addEndpoint(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), Protocol.COAPS);
        if (extra.containsKey("plain")) {
            int plain = Integer.parseInt(extra.get("plain"));
            endpoints.addEndpoint(new InetSocketAddress(InetAddress.getLoopbackAddress(), plain), Protocol.COAP);
        }
        LeshanServerBuilder builder = new LeshanServerBuilder()
                .setSecurityStore(store)
                .setObjectModelProvider(new VersionedModelProvider(models))
                .setPrivateKey(credentials.key("server"))
                .setEndpointsProviders(endpoints.build());
        if (extra.getOrDefault("mode", "x509").equals("rpk")) {
            builder.setPublicKey(credentials.raw("server"));
        } else {
            builder.setCertificateChain(new X509Certificate[] {credentials.certificate("server")});
            builder.setTrustedCertificates(new Certificate[] {credentials.certificate("ca")});
        }
        server = builder.build();
        // An endpoint that cannot be made is only logged, and then a plain one on the default port takes its place.
        if (server.getEndpoint(Protocol.COAPS) == null) {
            throw new IllegalStateException("no coaps endpoint; see what Leshan logs");
        }
        server.getRegistrationService().addListener(new Registrations());
        server.getObservationService().addListener(new Notifications());
    }

    void run() throws Exception {
        server.start();
        Main.say("ready");
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] words = line.split(" ", 4);
            Registration device = words.length > 2 ? server.getRegistrationStore().getRegistrationByEndpoint(words[1]) : null;
            if (device == null) {
                Main.say("failed no such device: " + line);
                continue;
            }
            switch (words[0]) {
                case "read" -> ask(device, new ReadRequest(words[2]));
                case "write" -> ask(device, write(words[2], words[3]));
                case "execute" -> ask(device, new ExecuteRequest(words[2]));
                case "observe" -> ask(device, new ObserveRequest(words[2]));
                default -> Main.say("failed no such command: " + line);
            }
        }
    }

    private static WriteRequest write(String path, String text) {
        String[] ids = path.substring(1).split("/");
        return new WriteRequest(ContentFormat.TEXT, Integer.parseInt(ids[0]), Integer.parseInt(ids[1]), Integer.parseInt(ids[2]), text);
    }

    private <T extends LwM2mResponse> void ask(Registration device, DownlinkDeviceManagementRequest<T> request) {
        try {
            T answer = server.send(device, request, 20_000);
            if (answer == null) {
                Main.say("failed no answer");
                return;
            }
            String value = answer instanceof ReadResponse read && read.getContent() != null ? read.getContent().toString() : "";
            Main.say(answer.getCode() + " " + value);
        } catch (Exception error) {
            Main.say("failed " + error);
        }
    }

    private static final class Registrations implements RegistrationListener {
        @Override
        public void registered(Registration registration, Registration previous, Collection<Observation> previousObservations) {
            Main.say("registered " + registration.getEndpoint() + " /rd/" + registration.getId() + " "
                    + registration.getClientTransportData().getIdentity());
        }

        @Override
        public void updated(RegistrationUpdate update, Registration updated, Registration previous) {
            Main.say("updated " + updated.getEndpoint() + " " + updated.getSocketAddress());
        }

        @Override
        public void unregistered(Registration registration, Collection<Observation> observations, boolean expired,
                Registration replacement) {
            Main.say("deregistered " + registration.getEndpoint());
        }
    }

    private static final class Notifications implements ObservationListener {
        @Override
        public void newObservation(Observation observation, Registration registration) {}

        @Override
        public void cancelled(Observation observation) {}

        @Override
        public void onResponse(SingleObservation observation, Registration registration, ObserveResponse response) {
            Main.say("notified " + observation.getPath() + " " + response.getContent());
        }

        @Override
        public void onResponse(CompositeObservation observation, Registration registration, ObserveCompositeResponse response) {}

        @Override
        public void onError(Observation observation, Registration registration, Exception error) {
            Main.say("failed notification " + error);
        }
    }
}
