package judge;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.eclipse.californium.elements.config.Configuration;
import org.eclipse.californium.scandium.config.DtlsConfig;
import org.eclipse.leshan.client.LeshanClient;
import org.eclipse.leshan.client.LeshanClientBuilder;
import org.eclipse.leshan.client.engine.DefaultRegistrationEngineFactory;
import org.eclipse.leshan.client.object.Security;
import org.eclipse.leshan.client.observer.LwM2mClientObserverAdapter;
import org.eclipse.leshan.client.resource.BaseInstanceEnabler;
import org.eclipse.leshan.client.resource.ObjectsInitializer;
import org.eclipse.leshan.client.servers.LwM2mServer;
import org.eclipse.leshan.core.LwM2mId;
import org.eclipse.leshan.core.ResponseCode;
import org.eclipse.leshan.core.model.ObjectLoader;
import org.eclipse.leshan.core.model.ObjectModel;
import org.eclipse.leshan.core.model.StaticModel;
import org.eclipse.leshan.core.node.LwM2mResource;
import org.eclipse.leshan.core.request.DeregisterRequest;
import org.eclipse.leshan.core.request.RegisterRequest;
import org.eclipse.leshan.core.request.UpdateRequest;
import org.eclipse.leshan.core.request.argument.Arguments;
import org.eclipse.leshan.core.response.ExecuteResponse;
import org.eclipse.leshan.core.response.ReadResponse;
import org.eclipse.leshan.core.response.WriteResponse;
import org.eclipse.leshan.transport.californium.client.endpoint.CaliforniumClientEndpointsProvider;
import org.eclipse.leshan.transport.californium.client.endpoint.ClientProtocolProvider;
import org.eclipse.leshan.transport.californium.client.endpoint.coap.CoapClientProtocolProvider;
import org.eclipse.leshan.transport.californium.client.endpoint.coaps.CoapsClientProtocolProvider;

/**
 * A device on Leshan's client: objects 1, 3 and 3303/0, whose value moves when told ("set 21.5"). Other commands:
 * "update", "stop" (de-registers). Prints "registered PATH", "updated", "deregistered", "failed WHY", "executed", "written TEXT".
 */
final class Device {
    private final LeshanClient client;
    private final Temperature temperature = new Temperature();

    private static final int SERVER = 123;

    /** With one of the credentials that ../credentials.sh makes. */
    static Device with(String uri, Credentials credentials, String mode, Map<String, String> extra) throws Exception {
        String who = extra.getOrDefault("who", "client");
        Security security = switch (mode) {
            case "none" -> Security.noSec(uri, SERVER);
            case "psk" -> Security.psk(uri, SERVER, credentials.identity().getBytes(StandardCharsets.UTF_8), credentials.psk());
            case "rpk" -> Security.rpk(uri, SERVER, credentials.raw("client").getEncoded(),
                    credentials.key("client").getEncoded(), credentials.raw("server").getEncoded());
            case "x509" -> Security.x509(uri, SERVER, credentials.certificate(who).getEncoded(),
                    credentials.key(who).getEncoded(),
                    credentials.certificate(extra.getOrDefault("server", "server")).getEncoded());
            default -> throw new IllegalArgumentException("no such mode: " + mode);
        };
        return new Device(security, extra);
    }

    /** With the flags of Leshan's demo client that its PSK section has: -u URI -n ENDPOINT -i IDENTITY -p KEY (hexadecimal). */
    static Device demo(String[] words) throws Exception {
        Map<String, String> flags = new HashMap<>();
        for (int at = 0; at < words.length; at += 2) {
            if (!List.of("-u", "-n", "-i", "-p").contains(words[at]) || at + 1 == words.length) {
                throw new IllegalArgumentException("the demo client has no such flag, or no value for it: " + words[at]);
            }
            flags.put(words[at], words[at + 1]);
        }
        byte[] identity = flags.get("-i").getBytes(StandardCharsets.UTF_8);
        byte[] key = HexFormat.of().parseHex(flags.get("-p"));
        return new Device(Security.psk(flags.get("-u"), SERVER, identity, key), Map.of("ep", flags.get("-n")));
    }

    private Device(Security security, Map<String, String> extra) throws Exception {
        long lifetime = Long.parseLong(extra.getOrDefault("lt", "300"));
        List<ObjectModel> models = new ArrayList<>(ObjectLoader.loadDefault());
        models.addAll(ObjectLoader.loadDdfFile(Device.class.getResourceAsStream("/3303.xml"), "3303.xml"));
        ObjectsInitializer objects = new ObjectsInitializer(new StaticModel(models));
        objects.setInstancesForObject(LwM2mId.SECURITY, security);
        objects.setInstancesForObject(LwM2mId.SERVER, new org.eclipse.leshan.client.object.Server(SERVER, lifetime));
        objects.setInstancesForObject(LwM2mId.DEVICE, new Facts());
        objects.setInstancesForObject(3303, temperature);

        List<ClientProtocolProvider> protocols = List.of(new CoapClientProtocolProvider(), new CoapsClientProtocolProvider());
        CaliforniumClientEndpointsProvider.Builder endpoints =
                new CaliforniumClientEndpointsProvider.Builder(protocols.toArray(new ClientProtocolProvider[0]));
        Configuration configuration = endpoints.createDefaultConfiguration();
        configuration.set(DtlsConfig.DTLS_RECOMMENDED_CIPHER_SUITES_ONLY, false);
        if (extra.containsKey("cid")) {
            configuration.set(DtlsConfig.DTLS_CONNECTION_ID_LENGTH, Integer.parseInt(extra.get("cid")));
        }
        endpoints.setConfiguration(configuration);

        DefaultRegistrationEngineFactory engine = new DefaultRegistrationEngineFactory();
        engine.setReconnectOnUpdate(false).setResumeOnConnect(true);
        client = new LeshanClientBuilder(extra.getOrDefault("ep", "device-1"))
                .setObjects(objects.createAll())
                .setRegistrationEngineFactory(engine)
                .setEndpointsProviders(endpoints.build())
                .build();
        client.addObserver(new Told());
    }

    void run() throws Exception {
        client.start();
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] words = line.split(" ", 2);
            switch (words[0]) {
                case "set" -> temperature.set(Double.parseDouble(words[1]));
                case "update" -> client.triggerRegistrationUpdate();
                case "stop" -> client.destroy(true);
                default -> Main.say("failed no such command: " + line);
            }
        }
    }

    // Leshan makes further instances by itself, hence the public classes and constructors.
    public static final class Temperature extends BaseInstanceEnabler {
        private volatile double value = 21.5;

        public Temperature() {}

        void set(double value) {
            this.value = value;
            fireResourceChange(5700);
        }

        @Override
        public ReadResponse read(LwM2mServer server, int resource) {
            return switch (resource) {
                case 5700 -> ReadResponse.success(resource, value);
                case 5701 -> ReadResponse.success(resource, "Cel");
                default -> super.read(server, resource);
            };
        }

        @Override
        public List<Integer> getAvailableResourceIds(ObjectModel model) {
            return List.of(5700, 5701);
        }
    }

    public static final class Facts extends org.eclipse.leshan.client.object.Device {
        private String zone = "Europe/Berlin";

        public Facts() {
            super("Leshan", "judge", "1");
        }

        @Override
        public ReadResponse read(LwM2mServer server, int resource) {
            return resource == 15 ? ReadResponse.success(resource, zone) : super.read(server, resource);
        }

        @Override
        public WriteResponse write(LwM2mServer server, boolean replace, int resource, LwM2mResource value) {
            if (resource == 15) {
                zone = (String) value.getValue();
                Main.say("written " + zone);
                return WriteResponse.success();
            }
            return super.write(server, replace, resource, value);
        }

        @Override
        public ExecuteResponse execute(LwM2mServer server, int resource, Arguments arguments) {
            Main.say("executed " + resource);
            return ExecuteResponse.success();
        }

        @Override
        public List<Integer> getAvailableResourceIds(ObjectModel model) {
            return List.of(0, 1, 2, 4, 11, 15, 16);
        }
    }

    private static final class Told extends LwM2mClientObserverAdapter {
        @Override
        public void onRegistrationSuccess(LwM2mServer server, RegisterRequest request, String id) {
            Main.say("registered " + id);
        }

        @Override
        public void onRegistrationFailure(LwM2mServer server, RegisterRequest request, ResponseCode code, String message,
                Exception cause) {
            Main.say("failed register " + code + " " + message + " " + cause);
        }

        @Override
        public void onRegistrationTimeout(LwM2mServer server, RegisterRequest request) {
            Main.say("failed register, no answer");
        }

        @Override
        public void onUpdateSuccess(LwM2mServer server, UpdateRequest request) {
            Main.say("updated");
        }

        @Override
        public void onUpdateFailure(LwM2mServer server, UpdateRequest request, ResponseCode code, String message, Exception cause) {
            Main.say("failed update " + code + " " + message + " " + cause);
        }

        @Override
        public void onDeregistrationSuccess(LwM2mServer server, DeregisterRequest request) {
            Main.say("deregistered");
        }

        @Override
        public void onUnexpectedError(Throwable error) {
            Main.say("failed " + error);
        }
    }
}
