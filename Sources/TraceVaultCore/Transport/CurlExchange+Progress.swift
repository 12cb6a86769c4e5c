// CurlExchange+Progress.swift - how far an exchange has come.

import CCurl
import CSystem

extension CurlExchange {
    var progress: HTTPProgress {
        guard number(CURLINFO_PRETRANSFER_TIME_T) > 0 else { return .connecting }
        guard number(CURLINFO_STARTTRANSFER_TIME_T) > 0 else { return .sent }
        return .receiving(bytes: number(CURLINFO_SIZE_DOWNLOAD_T))
    }

    private func number(_ info: CURLINFO) -> Int64 {
        var value: Int64 = 0
        unsafe _ = tvs_curl_info_off(easy, info.rawValue, &value)
        return value
    }
}
