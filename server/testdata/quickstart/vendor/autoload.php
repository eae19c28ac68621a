<?php

namespace Firebase\JWT;

// Stands in for the library of this name, of which the example calls this one
// method, with these parameters.
class JWT
{
    public static function encode(array $payload, string $key, string $alg, string $keyId = null): string
    {
        $part = fn ($text) => rtrim(strtr(base64_encode($text), '+/', '-_'), '=');
        $input = $part(json_encode(['typ' => 'JWT', 'alg' => $alg, 'kid' => $keyId])) . '.' . $part(json_encode($payload));
        if ($alg[0] === 'H') {
            return $input . '.' . $part(hash_hmac('sha' . substr($alg, 2), $input, $key, true));
        }
        openssl_sign($input, $signature, $key, OPENSSL_ALGO_SHA256);
        if ($alg === 'ES256') { // from DER to the two numbers side by side (RFC 7518 §3.4)
            $at = 4;
            $number = function () use ($signature, &$at) {
                $length = ord($signature[$at - 1]);
                $bytes = substr($signature, $at, $length);
                $at += $length + 2;
                return str_pad(ltrim($bytes, "\0"), 32, "\0", STR_PAD_LEFT);
            };
            $signature = $number() . $number();
        }
        return $input . '.' . $part($signature);
    }
}
