#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), snapback::lambda::Error> {
    Box::pin(snapback::lambda::run(&own::FUNCTION)).await
}
