/* libcoap as a server of GET /temp. Usage: server PORT, or server PORT KEY for coaps with one key of every identity */
#include <coap3/coap.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <sys/socket.h>

static void get(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
                const coap_string_t *query, coap_pdu_t *response) {
  static const char payload[] = "{\"v\":22.500}";
  uint8_t format[4];
  (void)resource; (void)session; (void)request; (void)query;
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  coap_add_option(response, COAP_OPTION_CONTENT_FORMAT, coap_encode_var_safe(format, 4, 0), format);
  coap_add_data(response, sizeof payload - 1, (const uint8_t *)payload);
}

int main(int argc, char **argv) {
  if (argc != 2 && argc != 3) return 2;
  coap_startup();
  coap_context_t *context = coap_new_context(NULL);
  coap_address_t address;
  coap_address_init(&address);
  address.size = sizeof address.addr.sin;
  address.addr.sin.sin_family = AF_INET;
  address.addr.sin.sin_port = htons((uint16_t)atoi(argv[1]));
  address.addr.sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (!context) return 1;
  const char *key = argc == 3 ? argv[2] : NULL;
  if (key && !coap_context_set_psk(context, NULL, (const uint8_t *)key, strlen(key))) return 1;
  if (!coap_new_endpoint(context, &address, key ? COAP_PROTO_DTLS : COAP_PROTO_UDP)) return 1;
  int size = 4 << 20;
  /* The endpoint's socket is the highest descriptor open now: give it the room that others have. */
  for (int fd = 3; fd < 16; fd++) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  coap_resource_t *temp = coap_resource_init(coap_make_str_const("temp"), 0);
  coap_register_handler(temp, COAP_REQUEST_GET, get);
  coap_add_resource(context, temp);
  for (;;) coap_io_process(context, COAP_IO_WAIT);
}
