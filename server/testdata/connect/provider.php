<?php
// What a provider class for a generic OAuth 2.0 client does, with streams alone:
// it gets the tokens for a code, asks who the person is, and gets new tokens.
function call(string $method, string $url, array $header, string $body = ''): array
{
    $context = stream_context_create(['http' => [
        'method' => $method, 'header' => $header, 'content' => $body, 'ignore_errors' => true,
    ]]);
    $text = file_get_contents($url, false, $context);
    return [(int) explode(' ', $http_response_header[0])[1], json_decode($text, true)];
}

$env = fn (string $name): string => getenv($name);
[, $service] = call('GET', $env('ISSUER') . '/.well-known/openid-configuration', []);

$tokens = function (array $form) use ($env, $service): array {
    $form += ['client_id' => $env('CLIENT_ID'), 'client_secret' => $env('CLIENT_SECRET')];
    [$status, $answer] = call('POST', $service['token_endpoint'], ['Content-Type: application/x-www-form-urlencoded'], http_build_query($form));
    if ($status !== 200) {
        fwrite(STDERR, json_encode($answer));
        exit(1);
    }
    return $answer;
};
$person = fn (string $token): array => call('GET', $service['userinfo_endpoint'], ['Authorization: Bearer ' . $token]);

$first = $tokens([
    'grant_type' => 'authorization_code', 'code' => $env('CODE'), 'redirect_uri' => $env('BACK'), 'code_verifier' => $env('VERIFIER'),
]);
[, $who] = $person($first['access_token']);
$next = $tokens(['grant_type' => 'refresh_token', 'refresh_token' => $first['refresh_token']]);
[, $again] = $person($next['access_token']);
[$wrong] = $person('wrong');

echo json_encode(['sub' => $who['sub'], 'email' => $who['email'], 'refreshed' => $again['sub'], 'wrong' => $wrong]);
