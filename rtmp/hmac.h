/*
 * HMAC-SHA256 (RFC 2104) over a message in two parts, without allocation: OpenSSL's own HMAC and
 * EVP interfaces allocate, and a handshake runs on the data path.
 */
#ifndef RTMP_HMAC_H
#define RTMP_HMAC_H

#include <stddef.h>
#include <stdint.h>

#define HMAC_SIZE 32u

/* `b` may be empty. */
void rtmp_hmac_sha256(const uint8_t *key, size_t key_len, const uint8_t *a, size_t a_len,
		      const uint8_t *b, size_t b_len, uint8_t mac[HMAC_SIZE]);

#endif
