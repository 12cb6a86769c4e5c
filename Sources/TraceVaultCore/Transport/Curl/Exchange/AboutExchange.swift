// AboutExchange.swift - one request on its way through libcurl.
//
// Comes in: a request, a handle, and bytes as they come.
// Goes out: a reply within its bounds, with the secret masked; or what went wrong, in words.
// May know: Transport, Transport/Curl, Transport/Curl/Trust, Vault/Access, Vault/Secrets.
