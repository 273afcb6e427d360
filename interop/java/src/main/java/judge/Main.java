package judge;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * Californium and Leshan as peers of ours. One line of standard input is a command, one line of standard output an event.
 *
 * <pre>
 * dtls server|client PORT CREDENTIALS SUITE [cid=N] [mtu=N] [host=NAME]      DtlsPeer: echoes lines (Scandium)
 * coap server|client PORT CREDENTIALS SUITE [cid=N]                          CoapPeer: plain CoAP over DTLS (Californium)
 * device URI CREDENTIALS none|psk|rpk|x509 [ep=NAME] [cid=N] [lt=S]
 *     [who=NAME] [server=NAME]                                              Device (Leshan's client)
 * demo -u URI -n ENDPOINT -i IDENTITY -p KEY                                 Device, by the flags of Leshan's demo client
 * server PORT CREDENTIALS [cid=N] [plain=PORT] [mode=x509|rpk]               Server (Leshan's server)
 * </pre>
 */
final class Main {
    private Main() {}

    public static void main(String[] arguments) throws Exception {
        if (arguments.length > 0 && arguments[0].equals("demo")) {
            Device.demo(Arrays.copyOfRange(arguments, 1, arguments.length)).run();
            return;
        }
        Map<String, String> extra = new HashMap<>();
        String[] plain = new String[5];
        int count = 0;
        for (String argument : arguments) {
            int at = argument.indexOf('=');
            if (at > 0 && !argument.contains("://")) {
                extra.put(argument.substring(0, at), argument.substring(at + 1));
            } else if (count < plain.length) {
                plain[count++] = argument;
            }
        }
        switch (plain[0] == null ? "" : plain[0]) {
            case "dtls" -> new DtlsPeer(plain[1], Integer.parseInt(plain[2]), new Credentials(plain[3]), plain[4], extra).run();
            case "coap" -> new CoapPeer(plain[1], Integer.parseInt(plain[2]), new Credentials(plain[3]), plain[4], extra).run();
            case "device" -> Device.with(plain[1], new Credentials(plain[2]), plain[3], extra).run();
            case "server" -> new Server(Integer.parseInt(plain[1]), new Credentials(plain[2]), extra).run();
            default -> {
                System.err.println("usage: dtls | coap | device | server; see Main.java");
                System.exit(2);
            }
        }
        System.exit(0);
    }

    static synchronized void say(String line) {
        System.out.println(line);
        System.out.flush();
    }
}
