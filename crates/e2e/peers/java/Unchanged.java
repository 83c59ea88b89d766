// An application that knows nothing of Trunkline: two of Twilio's hosts, by Java's own client.
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.Base64;

public class Unchanged {
    public static void main(String[] arguments) throws Exception {
        String sid = System.getenv("TWILIO_ACCOUNT_SID");
        String pair = sid + ":" + System.getenv("TWILIO_AUTH_TOKEN");
        String basic = "Basic " + Base64.getEncoder().encodeToString(pair.getBytes());
        HttpClient client = HttpClient.newHttpClient();
        String messages = "https://api.twilio.com/2010-04-01/Accounts/" + sid + "/Messages.json";
        HttpRequest create = HttpRequest.newBuilder(URI.create(messages))
            .header("Authorization", basic)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .POST(HttpRequest.BodyPublishers.ofString(
                "From=%2B15550001111&To=%2B15558675310&Body=java%2C+unchanged"))
            .build();
        expect(201, client.send(create, BodyHandlers.ofString()).statusCode());
        HttpRequest alerts = HttpRequest.newBuilder(URI.create("https://monitor.twilio.com/v1/Alerts"))
            .header("Authorization", basic)
            .build();
        expect(200, client.send(alerts, BodyHandlers.ofString()).statusCode());
    }

    static void expect(int wanted, int status) {
        if (wanted != status) {
            throw new AssertionError("answered " + status + ", not " + wanted);
        }
    }
}
