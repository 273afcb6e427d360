/* libcoap on the messages of src/messages.rs: allocate, parse, iterate the options, free; and
 * allocate, build, encode the header, free. Usage: libcoap run CASE TIMES | time CASE | list */
#include <coap3/coap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Of libcoap's internal headers: writes the header in front of the token. */
size_t coap_pdu_encode_header(coap_pdu_t *pdu, coap_proto_t proto);

#define TOKEN "\x01\x02\x03\x04\x05\x06\x07\x08"
#define LINKS "</>;ct=11544,</1/0>,</3/0>,</4/0>,</6/0>,</3303/0>;ver=1.1"
#define RECORD "\x81\xa2\x00\x6c/3303/0/5700\x02\xfb\x40\x36\x80\0\0\0\0\0"

static const char GET[] = "\x44\x01\x12\x34\xca\xfe\xba\xbe\xb4temp";
static const char REG[] = "\x48\x02\x12\x34" TOKEN "\xb2rd\x11\x28\x3d\x0e"
  "ep=urn:imei:490154203237518\x07lt=3600\x09lwm2m=1.1\x03" "b=U\xff" LINKS;
static const char NTF[] = "\x48\x45\x12\x34" TOKEN "\x62\x12\x34\x61\x70\xff" RECORD;

struct option { uint16_t number; size_t len; const char *value; };
static const struct option REG_OPTIONS[] = {
  {11, 2, "rd"}, {12, 1, "\x28"}, {15, 27, "ep=urn:imei:490154203237518"},
  {15, 7, "lt=3600"}, {15, 9, "lwm2m=1.1"}, {15, 3, "b=U"},
};
static const struct option NTF_OPTIONS[] = { {6, 2, "\x12\x34"}, {12, 1, "\x70"} };

static volatile size_t sink;

static void decode(const char *wire, size_t len) {
  coap_pdu_t *pdu = coap_pdu_init(0, 0, 0, len);
  if (!pdu || !coap_pdu_parse(COAP_PROTO_UDP, (const uint8_t *)wire, len, pdu)) abort();
  coap_opt_iterator_t options;
  coap_opt_t *option;
  size_t seen = coap_pdu_get_token(pdu).length + (size_t)coap_pdu_get_mid(pdu), payload = 0;
  const uint8_t *bytes;
  coap_option_iterator_init(pdu, &options, COAP_OPT_ALL);
  while ((option = coap_option_next(&options))) seen += options.number + coap_opt_length(option);
  coap_get_data(pdu, &payload, &bytes);
  sink = seen + payload;
  coap_delete_pdu(pdu);
}

static void encode(int code, const struct option *options, size_t count, const char *payload,
                   size_t len, const char *expected, size_t expected_len) {
  coap_pdu_t *pdu = coap_pdu_init(COAP_MESSAGE_CON, code, 0x1234, 256);
  if (!pdu || !coap_add_token(pdu, 8, (const uint8_t *)TOKEN)) abort();
  for (size_t i = 0; i < count; i++)
    if (!coap_add_option(pdu, options[i].number, options[i].len, (const uint8_t *)options[i].value))
      abort();
  if (!coap_add_data(pdu, len, (const uint8_t *)payload)) abort();
  size_t header = coap_pdu_encode_header(pdu, COAP_PROTO_UDP);
  if (expected) {
    const uint8_t *data;
    size_t data_len;
    coap_get_data(pdu, &data_len, &data);
    const uint8_t *wire = data + data_len - expected_len;
    if (header != 4 || memcmp(wire, expected, expected_len)) abort();
  }
  sink = header;
  coap_delete_pdu(pdu);
}

static void decode_get(void) { decode(GET, sizeof GET - 1); }
static void decode_reg(void) { decode(REG, sizeof REG - 1); }
static void decode_ntf(void) { decode(NTF, sizeof NTF - 1); }
static void encode_reg(void) { encode(2, REG_OPTIONS, 6, LINKS, sizeof LINKS - 1, NULL, 0); }
static void encode_ntf(void) { encode(69, NTF_OPTIONS, 2, RECORD, sizeof RECORD - 1, NULL, 0); }

static const struct { const char *name; void (*run)(void); } CASES[] = {
  {"coap-decode-get/libcoap", decode_get}, {"coap-decode-reg/libcoap", decode_reg},
  {"coap-decode-ntf/libcoap", decode_ntf}, {"coap-encode-ntf/libcoap", encode_ntf},
  {"coap-encode-reg/libcoap", encode_reg},
};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

int main(int argc, char **argv) {
  coap_startup();
  coap_set_log_level(LOG_ERR);
  if (sizeof GET - 1 != 13 || sizeof REG - 1 != 127 || sizeof NTF - 1 != 44) abort();
  encode(2, REG_OPTIONS, 6, LINKS, sizeof LINKS - 1, REG, 127);
  encode(69, NTF_OPTIONS, 2, RECORD, sizeof RECORD - 1, NTF, 44);
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    if (argc == 2 && !strcmp(argv[1], "list")) puts(CASES[i].name);
    if (argc < 3 || strcmp(argv[2], CASES[i].name)) continue;
    if (!strcmp(argv[1], "run") && argc == 4) {
      for (long n = atol(argv[3]); n > 0; n--) CASES[i].run();
    } else if (!strcmp(argv[1], "time")) {
      double best = 1e18;
      for (int batch = 0; batch < 25; batch++) {
        double start = now();
        for (int n = 0; n < 20000; n++) CASES[i].run();
        double each = (now() - start) / 20000;
        if (each < best) best = each;
      }
      printf("%.1f\n", best);
    }
  }
  return 0;
}
