package judge;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.eclipse.californium.elements.AddressEndpointContext;
import org.eclipse.californium.elements.EndpointContext;
import org.eclipse.californium.elements.MessageCallback;
import org.eclipse.californium.elements.RawData;
import org.eclipse.californium.scandium.ConnectionListener;
import org.eclipse.californium.scandium.DTLSConnector;
import org.eclipse.californium.scandium.config.DtlsConnectorConfig;
import org.eclipse.californium.scandium.dtls.Connection;
import org.eclipse.californium.scandium.dtls.DTLSContext;

/** Echoes lines over a Scandium connector; the lines are those of ../pion, but for "rebind". */
final class DtlsPeer {
    private final String role;
    private final InetSocketAddress there;
    private final Connector connector;

    DtlsPeer(String role, int port, Credentials credentials, String suite, Map<String, String> extra) throws Exception {
        this.role = role;
        String host = extra.getOrDefault("host", "localhost");
        there = new InetSocketAddress(InetAddress.getByAddress(host, new byte[] {127, 0, 0, 1}), port);
        DtlsConnectorConfig.Builder config = Dtls.config(role, port, credentials, suite, extra);
        config.setConnectionListener(new Listener());
        connector = new Connector(config.build());
        connector.setRawDataReceiver(this::hear);
        connector.setAlertHandler((peer, alert) -> Main.say("alert " + alert.getLevel() + " " + alert.getDescription()));
    }

    void run() throws IOException {
        connector.start();
        Main.say("ready");
        if (role.equals("client")) {
            send("hello\n");
        }
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] words = line.split(" ", 2);
            switch (words[0]) {
                case "send" -> send(words[1] + "\n");
                case "again" -> {
                    connector.forceResumeAllSessions();
                    send("hello\n");
                }
                case "restart" -> {
                    connector.forget();
                    send("hello\n");
                }
                case "close" -> connector.close(there);
                default -> Main.say("failed no such command: " + line);
            }
        }
        connector.destroy();
    }

    private void send(String text) {
        EndpointContext peer = new AddressEndpointContext(there, there.getHostString(), null);
        connector.send(RawData.outbound(text.getBytes(StandardCharsets.UTF_8), peer, new Failure(), false));
    }

    private void hear(RawData data) {
        String text = new String(data.getBytes(), StandardCharsets.UTF_8).stripTrailing();
        if (text.isEmpty()) {
            return;
        }
        Main.say("got " + text);
        if (role.equals("server")) {
            byte[] answer = ("echo " + text + "\n").getBytes(StandardCharsets.UTF_8);
            connector.send(RawData.outbound(answer, data.getEndpointContext(), null, false));
        }
    }

    private static final class Failure implements MessageCallback {
        @Override
        public void onConnecting() {}

        @Override
        public void onDtlsRetransmission(int flight) {}

        @Override
        public void onContextEstablished(EndpointContext context) {}

        @Override
        public void onSent() {}

        @Override
        public void onError(Throwable error) {
            Main.say("failed " + error.getMessage());
        }
    }

    /** A connector that can lose its memory and keep its port. */
    private static final class Connector extends DTLSConnector {
        Connector(DtlsConnectorConfig config) {
            super(config);
        }

        void forget() throws IOException {
            InetSocketAddress here = getAddress();
            stop();
            clearConnectionState();
            start(here);
        }
    }

    private static final class Listener implements ConnectionListener {
        @Override
        public void onConnectionEstablished(Connection connection) {
            DTLSContext context = connection.getEstablishedDtlsContext();
            Main.say("connected %04X %s read=%s write=%s ems=%s %s".formatted(
                    context.getSession().getCipherSuite().getCode(),
                    context.getSession().getSessionIdentifier().getAsString(),
                    context.getReadConnectionId(), context.getWriteConnectionId(),
                    context.getSession().useExtendedMasterSecret(), connection.getEstablishedPeerIdentity()));
        }

        @Override
        public void onConnectionRemoved(Connection connection) {
            Main.say("closed");
        }

        @Override
        public boolean onConnectionUpdatesSequenceNumbers(Connection connection, boolean closed) {
            return false;
        }

        @Override
        public boolean onConnectionMacError(Connection connection) {
            Main.say("failed a record does not verify");
            return false;
        }

        @Override
        public void beforeExecution(Connection connection) {}

        @Override
        public void updateExecution(Connection connection) {}

        @Override
        public void afterExecution(Connection connection) {}
    }
}
