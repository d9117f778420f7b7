// Starts AWS's DynamoDB Local on 127.0.0.1 and a port of the system's choice, and prints that port: its own command line
// binds every interface and has no option for either. Reflection only: nothing of AWS's is compiled against or changed.
public class DynamoDbOnLoopback {
    public static void main(String[] arguments) throws Exception {
        Class<?> runner = Class.forName("software.amazon.dynamodb.services.local.main.ServerRunner");
        Object server = runner.getMethod("createServerFromCommandLineArgs", String[].class).invoke(null, (Object) arguments);
        java.lang.reflect.Field field = server.getClass().getDeclaredField("server");
        field.setAccessible(true);
        Object jetty = field.get(server);
        Object[] connectors = (Object[]) jetty.getClass().getMethod("getConnectors").invoke(jetty);
        for (Object connector : connectors) {
            connector.getClass().getMethod("setHost", String.class).invoke(connector, "127.0.0.1");
            connector.getClass().getMethod("setPort", int.class).invoke(connector, 0);
        }
        server.getClass().getMethod("start").invoke(server);
        System.out.println("listening on " + connectors[0].getClass().getMethod("getLocalPort").invoke(connectors[0]));
        server.getClass().getMethod("join").invoke(server);
    }
}
