package judge;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Timer;
import java.util.TimerTask;
import org.eclipse.californium.core.CoapClient;
import org.eclipse.californium.core.CoapExchange;
import org.eclipse.californium.core.CoapHandler;
import org.eclipse.californium.core.CoapResource;
import org.eclipse.californium.core.CoapResponse;
import org.eclipse.californium.core.CoapServer;
import org.eclipse.californium.core.coap.CoAP.ResponseCode;
import org.eclipse.californium.core.coap.MediaTypeRegistry;
import org.eclipse.californium.core.coap.Request;
import org.eclipse.californium.core.config.CoapConfig;
import org.eclipse.californium.core.network.CoapEndpoint;
import org.eclipse.californium.elements.config.Configuration;
import org.eclipse.californium.scandium.DTLSConnector;
import org.eclipse.californium.scandium.config.DtlsConfig;

/**
 * CoAP over DTLS by Californium alone. The server holds /blob (GET, PUT) and the observable /ticks; the client reads
 * "get PATH", "put PATH TEXT", "post PATH TEXT", "delete PATH", "observe PATH" and prints "CODE LENGTH [LOCATION] TEXT".
 */
final class CoapPeer {
    static {
        CoapConfig.register();
        DtlsConfig.register();
    }

    private final String role;
    private final String uri;
    private final CoapEndpoint endpoint;

    CoapPeer(String role, int port, Credentials credentials, String suite, Map<String, String> extra) throws Exception {
        this.role = role;
        uri = "coaps://localhost:" + port;
        endpoint = CoapEndpoint.builder()
                .setConfiguration(new Configuration())
                .setConnector(new DTLSConnector(Dtls.config(role, port, credentials, suite, extra).build()))
                .build();
    }

    void run() throws Exception {
        if (role.equals("server")) {
            CoapServer server = new CoapServer(new Configuration());
            server.addEndpoint(endpoint);
            server.add(new Blob(), new Ticks());
            server.start();
            Main.say("ready");
            System.in.transferTo(System.err);
            return;
        }
        Main.say("ready");
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] words = line.split(" ", 3);
            CoapClient client = new CoapClient(uri + words[1]);
            client.setEndpoint(endpoint);
            client.setTimeout(20_000L);
            String text = words.length > 2 ? words[2] : "";
            switch (words[0]) {
                case "get" -> tell(client.get());
                case "put" -> tell(client.put(text, MediaTypeRegistry.TEXT_PLAIN));
                case "post" -> tell(client.post(text, MediaTypeRegistry.APPLICATION_LINK_FORMAT));
                case "delete" -> tell(client.delete());
                case "observe" -> client.observe(new CoapHandler() {
                    @Override
                    public void onLoad(CoapResponse response) {
                        tell(response);
                    }

                    @Override
                    public void onError() {
                        tell(null);
                    }
                });
                default -> Main.say("failed no such command: " + line);
            }
        }
    }

    private static void tell(CoapResponse response) {
        if (response == null) {
            Main.say("failed no answer");
            return;
        }
        String location = response.getOptions().getLocationPathString();
        Main.say("%s %d /%s %s".formatted(response.getCode(), response.getPayloadSize(), location,
                response.getResponseText().replaceAll("\\s+", " ").strip()));
    }

    private static final class Blob extends CoapResource {
        private volatile byte[] kept = new byte[0];

        Blob() {
            super("blob");
        }

        @Override
        public void handleGET(CoapExchange exchange) {
            exchange.respond(ResponseCode.CONTENT, kept, MediaTypeRegistry.TEXT_PLAIN);
        }

        @Override
        public void handlePUT(CoapExchange exchange) {
            Request request = exchange.advanced().getRequest();
            kept = request.getPayload();
            exchange.respond(ResponseCode.CHANGED);
        }
    }

    private static final class Ticks extends CoapResource {
        private volatile int count;

        Ticks() {
            super("ticks");
            setObservable(true);
            new Timer(true).schedule(new TimerTask() {
                @Override
                public void run() {
                    count++;
                    changed();
                }
            }, 300, 300);
        }

        @Override
        public void handleGET(CoapExchange exchange) {
            exchange.respond(ResponseCode.CONTENT, "tick " + count);
        }
    }
}
